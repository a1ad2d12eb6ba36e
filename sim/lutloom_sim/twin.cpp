// Be the wires of a serial line around a Verilated design (rx in, tx out); loaded by twin.py.
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "Vtop.h"
#include "verilated.h"

// Verilator ends the process on a fatal error; in a library an exception carries it to Python.
void vl_fatal(const char* file, int line, const char*, const char* message) {
    throw std::runtime_error(std::string(message) + " (" + file + ":" + std::to_string(line) + ")");
}

namespace {

constexpr int RESET_CYCLES = 4;
constexpr int BYTE_BITS = 10;  // a start bit, eight data bits, a stop bit
constexpr uint32_t RESTS = 1;

struct Twin {
    std::unique_ptr<VerilatedContext> context{new VerilatedContext};
    std::unique_ptr<Vtop> top{new Vtop{context.get(), "top"}};
    std::string error;
    int clocks_per_bit = 0;
    // To the design: the bits of a byte that are still to be sent, the next one lowest.
    uint32_t sending = 0;
    int bits_to_send = 0, send_clocks = 0;
    // From the design: the bits of a byte so far, and clocks to the middle of the next.
    uint32_t receiving = 0;
    int bits_received = 0, receive_clocks = 0;
    bool hears = false;

    void clock(bool reset, uint32_t rx) {
        top->rst = reset;
        top->rx = rx;
        top->clk = 1;
        top->eval();
        top->clk = 0;
        top->eval();
    }
};

}  // namespace

#define LUTLOOM_API __attribute__((visibility("default")))

extern "C" {

struct Exchange {  // mirrored by twin.py
    const uint8_t* to_design;
    int64_t n_to_design;
    int64_t n_taken;
    uint8_t* from_design;  // room for a byte in every ten bits' clocks, and one
    int64_t n_from_design;
    int64_t clocks;
    int32_t digit;  // -1: none is shown
};

LUTLOOM_API void* lutloom_new(int clocks_per_bit) {
    try {
        auto twin = std::make_unique<Twin>();
        twin->clocks_per_bit = clocks_per_bit;
        twin->top->clk = 0;
        for (int cycle = 0; cycle < RESET_CYCLES; ++cycle) twin->clock(true, RESTS);
        return twin.release();
    } catch (const std::exception&) {
        return nullptr;
    }
}

LUTLOOM_API void lutloom_delete(void* handle) { delete static_cast<Twin*>(handle); }

LUTLOOM_API const char* lutloom_error(void* handle) {
    return static_cast<Twin*>(handle)->error.c_str();
}

// Let clocks pass; a byte that is begun goes on in the next exchange.
LUTLOOM_API int lutloom_exchange(void* handle, Exchange* exchange) {
    Twin& twin = *static_cast<Twin*>(handle);
    try {
        for (int64_t cycle = 0; cycle < exchange->clocks; ++cycle) {
            if (twin.send_clocks == 0) {
                if (twin.bits_to_send == 0 && exchange->n_taken < exchange->n_to_design) {
                    twin.sending = exchange->to_design[exchange->n_taken++] << 1 | 1u << 9;
                    twin.bits_to_send = BYTE_BITS;
                } else if (twin.bits_to_send > 0) {
                    twin.sending >>= 1;
                    --twin.bits_to_send;
                }
                if (twin.bits_to_send > 0) twin.send_clocks = twin.clocks_per_bit;
            }
            if (twin.send_clocks > 0) --twin.send_clocks;
            twin.clock(false, twin.bits_to_send > 0 ? twin.sending & 1 : RESTS);
            const uint32_t tx = twin.top->tx;
            if (!twin.hears) {
                if (!tx) {
                    twin.hears = true;
                    twin.bits_received = 0;
                    twin.receive_clocks = twin.clocks_per_bit / 2;
                }
            } else if (--twin.receive_clocks == 0) {
                twin.receiving = twin.receiving >> 1 | tx << 9;
                twin.receive_clocks = twin.clocks_per_bit;
                if (++twin.bits_received == BYTE_BITS) {
                    twin.hears = false;
                    const bool framed = (twin.receiving & 1) == 0 && (twin.receiving >> 9 & 1);
                    if (framed) {
                        exchange->from_design[exchange->n_from_design++] = twin.receiving >> 1;
                    }
                }
            }
        }
        exchange->digit = twin.top->shows ? twin.top->digit : -1;
        return 0;
    } catch (const std::exception& fault) {
        twin.error = fault.what();
        return 1;
    }
}

}  // extern "C"
