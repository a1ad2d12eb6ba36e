// The cells of iCE40 that Lutloom's netlists may hold, each as short as it can be said.
// Proven equal to Yosys's ice40/cells_sim.v by lutloom.flow.cells; any other cell is refused.
// Flip-flops start at 0, as the chip's configuration leaves them.

module SB_LUT4 (output O, input I0, I1, I2, I3);
  parameter [15:0] LUT_INIT = 0;
  wire [7:0] s3 = I3 ? LUT_INIT[15:8] : LUT_INIT[7:0];
  wire [3:0] s2 = I2 ? s3[7:4] : s3[3:0];
  wire [1:0] s1 = I1 ? s2[3:2] : s2[1:0];
  assign O = I0 ? s1[1] : s1[0];
endmodule

module SB_CARRY (output CO, input I0, I1, CI);
  assign CO = (I0 & I1) | ((I0 | I1) & CI);
endmodule

module SB_DFF (output reg Q = 0, input C, D);
  always @(posedge C) Q <= D;
endmodule

module SB_DFFE (output reg Q = 0, input C, E, D);
  always @(posedge C) if (E) Q <= D;
endmodule

module SB_DFFSR (output reg Q = 0, input C, R, D);
  always @(posedge C) if (R) Q <= 0; else Q <= D;
endmodule

module SB_DFFSS (output reg Q = 0, input C, S, D);
  always @(posedge C) if (S) Q <= 1; else Q <= D;
endmodule

module SB_DFFESR (output reg Q = 0, input C, E, R, D);
  always @(posedge C) if (E) begin if (R) Q <= 0; else Q <= D; end
endmodule

module SB_DFFESS (output reg Q = 0, input C, E, S, D);
  always @(posedge C) if (E) begin if (S) Q <= 1; else Q <= D; end
endmodule
