// The memories and multipliers of iCE40 that attention's netlists hold, for simulation, with the
// settings that lutloom.flow.blocks allows; any other is refused.

// What is read where it is written in the same clock is not known on the chip: here it is wrong.

// 256 x 16 bits; a mode is the log2 of how many narrower words one of 16 bits holds.
module SB_RAM40_4K (output [15:0] RDATA, input RCLK, RCLKE, RE, input [10:0] RADDR,
                    input WCLK, WCLKE, WE, input [10:0] WADDR, input [15:0] MASK, WDATA);
  parameter WRITE_MODE = 0;
  parameter READ_MODE = 0;
  parameter [255:0] INIT_0 = 0, INIT_1 = 0, INIT_2 = 0, INIT_3 = 0;
  parameter [255:0] INIT_4 = 0, INIT_5 = 0, INIT_6 = 0, INIT_7 = 0;
  parameter [255:0] INIT_8 = 0, INIT_9 = 0, INIT_A = 0, INIT_B = 0;
  parameter [255:0] INIT_C = 0, INIT_D = 0, INIT_E = 0, INIT_F = 0;
  localparam [4095:0] INIT = {INIT_F, INIT_E, INIT_D, INIT_C, INIT_B, INIT_A, INIT_9, INIT_8,
                              INIT_7, INIT_6, INIT_5, INIT_4, INIT_3, INIT_2, INIT_1, INIT_0};
  // A narrower word's bit k has bits k << mode up to (k << mode) + (1 << mode) - 1 of the wide one,
  // which of them the upper address says; its own pin is the last of their lower half.
  localparam WRITE_SPAN = 1 << WRITE_MODE, READ_SPAN = 1 << READ_MODE;
  localparam WRITE_PIN = WRITE_MODE == 0 ? 0 : WRITE_SPAN / 2 - 1;
  localparam READ_PIN = READ_MODE == 0 ? 0 : READ_SPAN / 2 - 1;
  reg [15:0] memory [0:255];
  reg [15:0] found;
  reg [2:0] part;
  integer i;
  initial for (i = 0; i < 256; i = i + 1) memory[i] = INIT[16 * i +: 16];
  wire [2:0] write_part = WADDR[10:8] & (WRITE_SPAN - 1);
  wire [15:0] data, mask;
  genvar k;
  generate
    for (k = 0; k < 16; k = k + 1) begin : bits
      assign data[k] = WDATA[(k / WRITE_SPAN) * WRITE_SPAN + WRITE_PIN];
      assign mask[k] = WRITE_MODE == 0 ? MASK[k] : k % WRITE_SPAN != write_part;
      if (k % READ_SPAN == READ_PIN)
        assign RDATA[k] = found[(k / READ_SPAN) * READ_SPAN + part];
      else
        assign RDATA[k] = 1'b0;
    end
  endgenerate
  always @(posedge RCLK) if (RCLKE & RE) begin
    found <= memory[RADDR[7:0]] ^ {16{WCLKE & WE & (RADDR[7:0] == WADDR[7:0])}};
    part <= RADDR[10:8] & (READ_SPAN - 1);
  end
  always @(posedge WCLK) if (WCLKE & WE)
    memory[WADDR[7:0]] <= (memory[WADDR[7:0]] & mask) | (data & ~mask);
endmodule

// 16,384 x 16 bits, one port, no first contents.
module SB_SPRAM256KA (input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN,
                      input WREN, CHIPSELECT, CLOCK, STANDBY, SLEEP, POWEROFF,
                      output reg [15:0] DATAOUT);
  reg [15:0] memory [0:16383];
  wire [15:0] write = {{4{MASKWREN[3]}}, {4{MASKWREN[2]}}, {4{MASKWREN[1]}}, {4{MASKWREN[0]}}};
  always @(posedge CLOCK) if (CHIPSELECT) begin
    if (WREN) memory[ADDRESS] <= (memory[ADDRESS] & ~write) | (DATAIN & write);
    else DATAOUT <= memory[ADDRESS];
  end
endmodule

// A 16 x 16 multiplier with optional registers before it and inside; nothing is added.
module SB_MAC16 (input CLK, CE, input [15:0] C, A, B, D, input AHOLD, BHOLD, CHOLD, DHOLD,
                 input IRSTTOP, IRSTBOT, ORSTTOP, ORSTBOT, OLOADTOP, OLOADBOT,
                 input ADDSUBTOP, ADDSUBBOT, OHOLDTOP, OHOLDBOT, CI, ACCUMCI, SIGNEXTIN,
                 output [31:0] O, output CO, ACCUMCO, SIGNEXTOUT);
  parameter NEG_TRIGGER = 0;
  parameter A_REG = 0, B_REG = 0, C_REG = 0, D_REG = 0;
  parameter TOP_8x8_MULT_REG = 0, BOT_8x8_MULT_REG = 0;
  parameter PIPELINE_16x16_MULT_REG1 = 0, PIPELINE_16x16_MULT_REG2 = 0;
  parameter TOPOUTPUT_SELECT = 0, TOPADDSUB_LOWERINPUT = 0;
  parameter TOPADDSUB_UPPERINPUT = 0, TOPADDSUB_CARRYSELECT = 0;
  parameter BOTOUTPUT_SELECT = 0, BOTADDSUB_LOWERINPUT = 0;
  parameter BOTADDSUB_UPPERINPUT = 0, BOTADDSUB_CARRYSELECT = 0;
  parameter MODE_8x8 = 0, A_SIGNED = 0, B_SIGNED = 0;
  reg [15:0] a, b;
  reg [31:0] product;
  wire [15:0] left = A_REG ? a : A, right = B_REG ? b : B;
  wire signed [16:0] left_wide = {A_SIGNED ? left[15] : 1'b0, left};
  wire signed [16:0] right_wide = {B_SIGNED ? right[15] : 1'b0, right};
  wire signed [33:0] now = left_wide * right_wide;
  always @(posedge CLK) begin
    a <= A;
    b <= B;
    product <= now[31:0];
  end
  assign O = PIPELINE_16x16_MULT_REG1 ? product : now[31:0];
endmodule
