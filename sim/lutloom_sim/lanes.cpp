// A flat netlist of tables, flip-flops and memories in 512 lanes, one lane a bit; event by event.
//
// Every wire is one vector of 512 bits.  Tables are numbered so that each reads only wires of
// tables before it; a bitmap marks those with an input that changed, and one sweep over it in
// rising order settles the design.  Flip-flops are marked likewise and evaluated at the edge.  So a
// clock costs what changes in it: a design that waits for a serial line costs next to nothing.

#include <cstdint>
#include <cstring>

namespace {

constexpr int64_t kWords = 8;
typedef uint64_t Lanes __attribute__((vector_size(8 * kWords), aligned(8 * kWords)));

struct Lookup {
  int32_t input[4];
  int32_t output;
  uint32_t table;
};

struct FlipFlop {
  int32_t output, data, enable, clear;
  int32_t value, enable_first;
};

struct Memory {
  int32_t first_pin;   // in Design::pins: see evaluate(Memory)
  int32_t address_bits, data_bits, has_mask;
  int64_t contents;    // byte offset of lane 0's words in State::contents
};

struct Design {
  int64_t n_wires, n_lookups, n_flip_flops, n_memories;
  const Lookup *lookups;
  const FlipFlop *flip_flops;
  const Memory *memories;
  const int32_t *pins;
  const int64_t *readers_from;  // n_wires + 1: where a wire's readers begin
  const int32_t *readers;       // a table's number, or n_lookups + a flip-flop's
};

struct State {
  Lanes *wires;
  uint64_t *lookups_due;     // bitmaps
  uint64_t *flip_flops_due;
  Lanes *following;          // scratch: next values of flip-flops
  int32_t *chosen;           // scratch: which flip-flops
  uint16_t *contents;        // memories, 512 lanes of words each
};

// Entries 2k and 2k+1 of a table as a function of input 0: constant ^ (varying & input).
struct Leaf {
  Lanes constant, varying;
};

const Lanes kNone = {};
const Leaf kLeaves[4] = {{kNone, kNone}, {~kNone, ~kNone}, {kNone, ~kNone}, {~kNone, kNone}};

inline Lanes leaf(uint32_t entries, const Lanes &input) {
  const Leaf &one = kLeaves[entries & 3];
  return one.constant ^ (one.varying & input);
}

inline Lanes select(const Lanes &low, const Lanes &high, const Lanes &by) {
  return low ^ ((low ^ high) & by);
}

inline Lanes look_up(const Lookup &one, const Lanes *wires) {
  const Lanes a = wires[one.input[0]], b = wires[one.input[1]];
  const Lanes c = wires[one.input[2]], d = wires[one.input[3]];
  const uint32_t t = one.table;
  const Lanes low = select(select(leaf(t, a), leaf(t >> 2, a), b),
                           select(leaf(t >> 4, a), leaf(t >> 6, a), b), c);
  const Lanes high = select(select(leaf(t >> 8, a), leaf(t >> 10, a), b),
                            select(leaf(t >> 12, a), leaf(t >> 14, a), b), c);
  return select(low, high, d);
}

inline bool differs(const Lanes &a, const Lanes &b) {
  const Lanes changed = a ^ b;
  uint64_t any = 0;
  for (int64_t k = 0; k < kWords; k++) any |= changed[k];
  return any != 0;
}

inline void mark(uint64_t *due, int64_t number) { due[number >> 6] |= uint64_t(1) << (number & 63); }

inline void change(const Design &design, State &state, int32_t wire, const Lanes &value) {
  if (!differs(state.wires[wire], value)) return;
  state.wires[wire] = value;
  for (int64_t at = design.readers_from[wire]; at < design.readers_from[wire + 1]; at++) {
    const int64_t reader = design.readers[at];
    if (reader < design.n_lookups)
      mark(state.lookups_due, reader);
    else
      mark(state.flip_flops_due, reader - design.n_lookups);
  }
}

void settle(const Design &design, State &state) {
  const int64_t n = (design.n_lookups + 63) / 64;
  for (int64_t word = 0; word < n; word++) {
    while (state.lookups_due[word]) {
      const int64_t number = 64 * word + __builtin_ctzll(state.lookups_due[word]);
      state.lookups_due[word] &= state.lookups_due[word] - 1;
      const Lookup &one = design.lookups[number];
      change(design, state, one.output, look_up(one, state.wires));
    }
  }
}

// Pins: enables of writing (clock enable, write enable), of reading (likewise), then the write
// address, the read address, what is written, the mask of what is not, and what was read.
void evaluate(const Design &design, const State &state, const Memory &one, Lanes *read) {
  const int32_t *pin = design.pins + one.first_pin;
  const Lanes *wires = state.wires;
  const Lanes writes = wires[pin[0]] & wires[pin[1]], reads = wires[pin[2]] & wires[pin[3]];
  const int32_t *write_address = pin + 4, *read_address = write_address + one.address_bits;
  const int32_t *data = read_address + one.address_bits, *mask = data + one.data_bits;
  const int32_t *output = mask + one.data_bits;
  for (int32_t k = 0; k < one.data_bits; k++) read[k] = wires[output[k]];
  const int64_t n_words = int64_t(1) << one.address_bits;
  for (int64_t word = 0; word < kWords; word++) {
    for (uint64_t todo = writes[word] | reads[word]; todo; todo &= todo - 1) {
      const int64_t shift = __builtin_ctzll(todo);
      const uint64_t lane = uint64_t(1) << shift;
      uint16_t *contents = state.contents + one.contents + (64 * word + shift) * n_words;
      uint32_t to = 0, from = 0, keep = 0, value = 0;
      for (int32_t k = 0; k < one.address_bits; k++) {
        to |= uint32_t(wires[write_address[k]][word] >> shift & 1) << k;
        from |= uint32_t(wires[read_address[k]][word] >> shift & 1) << k;
      }
      if (reads[word] & lane) {
        const uint32_t found = contents[from];
        for (int32_t k = 0; k < one.data_bits; k++)
          read[k][word] = (read[k][word] & ~lane) | (uint64_t(found >> k & 1) << shift);
      }
      if (writes[word] & lane) {
        for (int32_t k = 0; k < one.data_bits; k++) {
          value |= uint32_t(wires[data[k]][word] >> shift & 1) << k;
          keep |= uint32_t(wires[mask[k]][word] >> shift & 1) << k;
        }
        contents[to] = uint16_t((contents[to] & keep) | (value & ~keep));
      }
    }
  }
}

void tick(const Design &design, State &state) {
  int64_t n_chosen = 0;
  const int64_t n = (design.n_flip_flops + 63) / 64;
  for (int64_t word = 0; word < n; word++) {
    for (uint64_t due = state.flip_flops_due[word]; due; due &= due - 1) {
      const int32_t number = int32_t(64 * word + __builtin_ctzll(due));
      const FlipFlop &one = design.flip_flops[number];
      const Lanes held = state.wires[one.output], enable = state.wires[one.enable];
      const Lanes gate = one.enable_first ? enable : ~kNone;
      const Lanes loaded = select(held, state.wires[one.data], enable);
      const Lanes value = one.value ? ~kNone : kNone;
      state.following[n_chosen] = select(loaded, value, state.wires[one.clear] & gate);
      state.chosen[n_chosen++] = number;
    }
    state.flip_flops_due[word] = 0;
  }
  Lanes *read = state.following + n_chosen;
  for (int64_t k = 0; k < design.n_memories; k++) {
    evaluate(design, state, design.memories[k], read);
    read += design.memories[k].data_bits;
  }
  for (int64_t k = 0; k < n_chosen; k++)
    change(design, state, design.flip_flops[state.chosen[k]].output, state.following[k]);
  read = state.following + n_chosen;
  for (int64_t k = 0; k < design.n_memories; k++) {
    const Memory &one = design.memories[k];
    const int32_t *output = design.pins + one.first_pin + 4 + 2 * one.address_bits +
                            2 * one.data_bits;
    for (int32_t bit = 0; bit < one.data_bits; bit++)
      change(design, state, output[bit], *read++);
  }
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void lutloom_drive(
    const Design *design, State *state, int64_t n_driven, const int32_t *driven,
    const uint64_t *values) {
  for (int64_t k = 0; k < n_driven; k++, values += kWords) {
    Lanes lanes;
    std::memcpy(&lanes, values, sizeof lanes);
    change(*design, *state, driven[k], lanes);
  }
}

__attribute__((visibility("default"))) void lutloom_settle(const Design *design, State *state) {
  settle(*design, *state);
}

__attribute__((visibility("default"))) void lutloom_tick(const Design *design, State *state) {
  tick(*design, *state);
}

// Clocks one after the other: drive, settle, read, tick.
__attribute__((visibility("default"))) void lutloom_run(
    const Design *design, State *state, int64_t n_clocks, int64_t n_driven, const int32_t *driven,
    const uint64_t *values, int64_t n_read, const int32_t *read, uint64_t *found) {
  for (int64_t clock = 0; clock < n_clocks; clock++) {
    lutloom_drive(design, state, n_driven, driven, values);
    values += kWords * n_driven;
    settle(*design, *state);
    for (int64_t k = 0; k < n_read; k++, found += kWords)
      std::memcpy(found, &state->wires[read[k]], 8 * kWords);
    tick(*design, *state);
  }
}
}
