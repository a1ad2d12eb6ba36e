// Drive a Verilated stream component (i__* in, o__* out) from plain memory; loaded by bulk.py.
//
// One beat a clock goes in while i__ready is high, one answer a clock comes out.  Answers keep the
// order in which they left; stalls on either side come from a seeded generator.
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "Vtop.h"
#include "verilated.h"

// Verilator ends the process on a fatal error; in a library an exception carries it to Python.
void vl_fatal(const char* file, int line, const char*, const char* message) {
    throw std::runtime_error(std::string(message) + " (" + file + ":" + std::to_string(line) + ")");
}

namespace {

constexpr int RESET_CYCLES = 4;

struct Simulator {
    std::unique_ptr<VerilatedContext> context{new VerilatedContext};
    std::unique_ptr<Vtop> top{new Vtop{context.get(), "top"}};
    std::string error;

    // Inputs are set and evaluated; the rising edge follows.  The falling one is never evaluated
    // by itself: it goes with the next inputs.
    void clock() {
        top->clk = 1;
        top->eval();
        top->clk = 0;
    }
};

class Stalls {  // xorshift64*
  public:
    Stalls(uint64_t seed, uint32_t threshold) : m_state{seed * 2 + 1}, m_threshold{threshold} {}
    // True with probability threshold / 2**32.
    bool now() {
        if (m_threshold == 0) return false;
        m_state ^= m_state >> 12;
        m_state ^= m_state << 25;
        m_state ^= m_state >> 27;
        return static_cast<uint32_t>((m_state * 0x2545F4914F6CDD1DULL) >> 32) < m_threshold;
    }

  private:
    uint64_t m_state;
    uint32_t m_threshold;
};

}  // namespace

#define LUTLOOM_API __attribute__((visibility("default")))

extern "C" {

struct Job {  // mirrored by bulk.py
    const uint8_t* beats;  // n_beats rows of beat_bytes bytes; bit 0 of byte 0 is payload bit 0
    int64_t n_beats;
    int64_t beat_bytes;
    uint8_t* answers;  // room for n_answers rows of answer_bytes bytes, all zero
    int64_t answer_bytes;
    int64_t n_answers;
    int64_t idle_limit_cycles;  // clocks without a transfer that count as a hang
    int64_t drain_cycles;       // clocks watched for surplus answers after the last one
    uint32_t stall_input;       // probability of a stall, in 1 / 2**32
    uint32_t stall_output;
    uint64_t seed;
    volatile int32_t stop;  // set from another thread to give up
    // Results
    int64_t beats_accepted;
    int64_t answers_given;  // one more than n_answers when there was a surplus one
    int64_t cycles;         // clocks from the end of reset to the last answer
    int64_t first_answer_cycle;  // the first one offered
};

enum Status { DONE = 0, HUNG = 1, SURPLUS = 2, FAILED = 3, WITHDRAWN = 4, STOPPED = 5 };

LUTLOOM_API void* lutloom_new() {
    try {
        return new Simulator;
    } catch (const std::exception&) {
        return nullptr;
    }
}

LUTLOOM_API void lutloom_delete(void* handle) { delete static_cast<Simulator*>(handle); }

LUTLOOM_API const char* lutloom_error(void* handle) {
    return static_cast<Simulator*>(handle)->error.c_str();
}

LUTLOOM_API int64_t lutloom_payload_bytes() { return sizeof(Vtop::i___05Fpayload); }

LUTLOOM_API int64_t lutloom_answer_bytes() { return sizeof(Vtop::o___05Fpayload); }

LUTLOOM_API int lutloom_run(void* handle, Job* job) {
    Simulator& sim = *static_cast<Simulator*>(handle);
    Vtop& top = *sim.top;
    Stalls input{job->seed, job->stall_input};
    Stalls output{job->seed ^ 0x9E3779B97F4A7C15ULL, job->stall_output};
    job->beats_accepted = job->answers_given = job->cycles = 0;
    job->first_answer_cycle = -1;
    try {
        top.clk = 0;
        top.rst = 1;
        top.i___05Fvalid = 0;
        top.o___05Fready = 0;
        for (int cycle = 0; cycle < RESET_CYCLES; ++cycle) {
            top.eval();
            sim.clock();
        }
        top.rst = 0;
        int64_t idle = 0, drained = 0;
        bool offered = false;  // an offered beat stays until it is taken, as the protocol asks
        bool waiting = false;  // an answer was offered and not taken in the clock before
        std::remove_reference_t<decltype(top.o___05Fpayload)> waiting_answer;
        for (int64_t cycle = 0; drained < job->drain_cycles; ++cycle) {
            if (!offered && job->beats_accepted < job->n_beats && !input.now()) {
                std::memcpy(&top.i___05Fpayload,
                            job->beats + job->beats_accepted * job->beat_bytes, job->beat_bytes);
                offered = true;
            }
            const bool ready = !output.now();
            top.i___05Fvalid = offered;
            top.o___05Fready = ready;
            top.eval();
            const bool valid = top.o___05Fvalid;
            if (job->stop) return STOPPED;
            if (waiting && (!valid || std::memcmp(&waiting_answer, &top.o___05Fpayload,
                                                  sizeof top.o___05Fpayload))) {
                return WITHDRAWN;
            }
            waiting = valid && !ready;
            if (waiting) std::memcpy(&waiting_answer, &top.o___05Fpayload, sizeof waiting_answer);
            bool moved = false;
            if (valid && job->first_answer_cycle < 0) job->first_answer_cycle = cycle;
            if (valid && ready) {
                if (job->answers_given < job->n_answers) {
                    std::memcpy(job->answers + job->answers_given * job->answer_bytes,
                                &top.o___05Fpayload, sizeof top.o___05Fpayload);
                }
                ++job->answers_given;
                job->cycles = cycle + 1;
                moved = true;
            }
            if (offered && top.i___05Fready) {
                ++job->beats_accepted;
                offered = false;
                moved = true;
            }
            if (job->answers_given > job->n_answers) return SURPLUS;
            sim.clock();
            if (job->beats_accepted == job->n_beats && job->answers_given >= job->n_answers) {
                ++drained;
            } else if (moved) {
                idle = 0;
            } else if (++idle >= job->idle_limit_cycles) {
                return HUNG;
            }
        }
        return DONE;
    } catch (const std::exception& fault) {
        sim.error = fault.what();
        return FAILED;
    }
}

}  // extern "C"
