// The cells of ECP5 that Lutloom's netlists may hold, each as short as it can be said.
// Proven equal to Yosys's lattice/cells_sim_ecp5.v by lutloom.flow.cells; any other cell, and any
// other setting of these, is refused.

module LUT4 (input A, B, C, D, output Z);
  parameter [15:0] INIT = 0;
  wire [7:0] s3 = D ? INIT[15:8] : INIT[7:0];
  wire [3:0] s2 = C ? s3[7:4] : s3[3:0];
  wire [1:0] s1 = B ? s2[3:2] : s2[1:0];
  assign Z = A ? s1[1] : s1[0];
endmodule

module PFUMX (input ALUT, BLUT, C0, output Z);
  assign Z = C0 ? ALUT : BLUT;
endmodule

module L6MUX21 (input D0, D1, SD, output Z);
  assign Z = SD ? D1 : D0;
endmodule

// Two places of a carry chain, the carry never injected: INJECT1_0 = INJECT1_1 = "NO".
module CCU2C (input CIN, A0, B0, C0, D0, A1, B1, C1, D1, output S0, S1, COUT);
  parameter [15:0] INIT0 = 0;
  parameter [15:0] INIT1 = 0;
  parameter INJECT1_0 = "YES";
  parameter INJECT1_1 = "YES";
  wire p0 = INIT0[{D0, C0, B0, A0}];
  wire p1 = INIT1[{D1, C1, B1, A1}];
  wire carry = p0 ? CIN : INIT0[{2'b00, B0, A0}];
  assign S0 = p0 ^ CIN;
  assign S1 = p1 ^ carry;
  assign COUT = p1 ? carry : INIT1[{2'b00, B1, A1}];
endmodule

// Rising clock, synchronous set or reset that goes before the clock enable.
module TRELLIS_FF (input CLK, LSR, CE, DI, M, output reg Q);
  parameter GSR = "ENABLED";
  parameter CEMUX = "1";
  parameter CLKMUX = "CLK";
  parameter LSRMUX = "LSR";
  parameter SRMODE = "LSR_OVER_CE";
  parameter REGSET = "RESET";
  parameter LSRMODE = "LSR";
  localparam VALUE = REGSET == "SET";
  wire enable = CEMUX == "CE" ? CE : CEMUX == "INV" ? ~CE : 1'b1;
  initial Q = VALUE;
  always @(posedge CLK) if (LSR) Q <= VALUE; else if (enable) Q <= DI;
endmodule
