// The memories and multipliers of ECP5 that attention's netlists hold, for simulation, with the
// settings that lutloom.flow.blocks allows; any other is refused.

// 1,024 x 18 bits.  Port A writes and, unless words are of 36 bits, reads; port B reads.  Words of
// 36 bits are two rows, of 9 bits half a row; each byte of 9 bits has a write enable of its own.
// What is read where it is written in the same clock is not known on the chip: here it is wrong.
module DP16KD (
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
  input DIA3, DIA2, DIA1, DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
  output DOA3, DOA2, DOA1, DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
  input DIB3, DIB2, DIB1, DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4,
  output DOB3, DOB2, DOB1, DOB0);
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG", RESETMODE = "SYNC";
  parameter ASYNC_RESET_RELEASE = "SYNC", CSDECODE_A = "0b000", CSDECODE_B = "0b000";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
  parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB", GSR = "ENABLED";
  parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0;
  parameter [319:0] INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0;
  parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0;
  parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0;
  parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0;
  parameter [319:0] INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0;
  parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0;
  parameter [319:0] INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0;
  parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0;
  parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0;
  parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0;
  parameter [319:0] INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0;
  parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0;
  parameter [319:0] INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0;
  parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0;
  parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;
  reg [17:0] memory [0:1023];
  integer i;
  initial for (i = 0; i < 16; i = i + 1) begin
    memory[0 + i] = INITVAL_00[20 * i +: 18]; memory[16 + i] = INITVAL_01[20 * i +: 18];
    memory[32 + i] = INITVAL_02[20 * i +: 18]; memory[48 + i] = INITVAL_03[20 * i +: 18];
    memory[64 + i] = INITVAL_04[20 * i +: 18]; memory[80 + i] = INITVAL_05[20 * i +: 18];
    memory[96 + i] = INITVAL_06[20 * i +: 18]; memory[112 + i] = INITVAL_07[20 * i +: 18];
    memory[128 + i] = INITVAL_08[20 * i +: 18]; memory[144 + i] = INITVAL_09[20 * i +: 18];
    memory[160 + i] = INITVAL_0A[20 * i +: 18]; memory[176 + i] = INITVAL_0B[20 * i +: 18];
    memory[192 + i] = INITVAL_0C[20 * i +: 18]; memory[208 + i] = INITVAL_0D[20 * i +: 18];
    memory[224 + i] = INITVAL_0E[20 * i +: 18]; memory[240 + i] = INITVAL_0F[20 * i +: 18];
    memory[256 + i] = INITVAL_10[20 * i +: 18]; memory[272 + i] = INITVAL_11[20 * i +: 18];
    memory[288 + i] = INITVAL_12[20 * i +: 18]; memory[304 + i] = INITVAL_13[20 * i +: 18];
    memory[320 + i] = INITVAL_14[20 * i +: 18]; memory[336 + i] = INITVAL_15[20 * i +: 18];
    memory[352 + i] = INITVAL_16[20 * i +: 18]; memory[368 + i] = INITVAL_17[20 * i +: 18];
    memory[384 + i] = INITVAL_18[20 * i +: 18]; memory[400 + i] = INITVAL_19[20 * i +: 18];
    memory[416 + i] = INITVAL_1A[20 * i +: 18]; memory[432 + i] = INITVAL_1B[20 * i +: 18];
    memory[448 + i] = INITVAL_1C[20 * i +: 18]; memory[464 + i] = INITVAL_1D[20 * i +: 18];
    memory[480 + i] = INITVAL_1E[20 * i +: 18]; memory[496 + i] = INITVAL_1F[20 * i +: 18];
    memory[512 + i] = INITVAL_20[20 * i +: 18]; memory[528 + i] = INITVAL_21[20 * i +: 18];
    memory[544 + i] = INITVAL_22[20 * i +: 18]; memory[560 + i] = INITVAL_23[20 * i +: 18];
    memory[576 + i] = INITVAL_24[20 * i +: 18]; memory[592 + i] = INITVAL_25[20 * i +: 18];
    memory[608 + i] = INITVAL_26[20 * i +: 18]; memory[624 + i] = INITVAL_27[20 * i +: 18];
    memory[640 + i] = INITVAL_28[20 * i +: 18]; memory[656 + i] = INITVAL_29[20 * i +: 18];
    memory[672 + i] = INITVAL_2A[20 * i +: 18]; memory[688 + i] = INITVAL_2B[20 * i +: 18];
    memory[704 + i] = INITVAL_2C[20 * i +: 18]; memory[720 + i] = INITVAL_2D[20 * i +: 18];
    memory[736 + i] = INITVAL_2E[20 * i +: 18]; memory[752 + i] = INITVAL_2F[20 * i +: 18];
    memory[768 + i] = INITVAL_30[20 * i +: 18]; memory[784 + i] = INITVAL_31[20 * i +: 18];
    memory[800 + i] = INITVAL_32[20 * i +: 18]; memory[816 + i] = INITVAL_33[20 * i +: 18];
    memory[832 + i] = INITVAL_34[20 * i +: 18]; memory[848 + i] = INITVAL_35[20 * i +: 18];
    memory[864 + i] = INITVAL_36[20 * i +: 18]; memory[880 + i] = INITVAL_37[20 * i +: 18];
    memory[896 + i] = INITVAL_38[20 * i +: 18]; memory[912 + i] = INITVAL_39[20 * i +: 18];
    memory[928 + i] = INITVAL_3A[20 * i +: 18]; memory[944 + i] = INITVAL_3B[20 * i +: 18];
    memory[960 + i] = INITVAL_3C[20 * i +: 18]; memory[976 + i] = INITVAL_3D[20 * i +: 18];
    memory[992 + i] = INITVAL_3E[20 * i +: 18]; memory[1008 + i] = INITVAL_3F[20 * i +: 18];
  end
  wire [13:0] a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
                   ADA1, ADA0};
  wire [13:0] b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
                   ADB1, ADB0};
  wire [17:0] low = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7,
                     DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [17:0] high = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7,
                      DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
  reg [17:0] found_a, found_low, found_high;
  reg half_a, half_b;
  wire writes = CEA & WEA & (DATA_WIDTH_A == 36 ? |a[3:0] : DATA_WIDTH_A == 18 ? |a[1:0] : 1'b1);
  always @(posedge CLKA) if (CEA) begin
    found_a <= memory[a[13:4]];
    half_a <= a[3];
    if (WEA && DATA_WIDTH_A == 36) begin
      if (a[0]) memory[{a[13:5], 1'b0}][8:0] <= low[8:0];
      if (a[1]) memory[{a[13:5], 1'b0}][17:9] <= low[17:9];
      if (a[2]) memory[{a[13:5], 1'b1}][8:0] <= high[8:0];
      if (a[3]) memory[{a[13:5], 1'b1}][17:9] <= high[17:9];
    end else if (WEA && DATA_WIDTH_A == 18) begin
      if (a[0]) memory[a[13:4]][8:0] <= low[8:0];
      if (a[1]) memory[a[13:4]][17:9] <= low[17:9];
    end else if (WEA) begin
      if (a[3]) memory[a[13:4]][17:9] <= low[8:0];
      else memory[a[13:4]][8:0] <= low[8:0];
    end
  end
  always @(posedge CLKB) if (CEB) begin
    found_low <= memory[{b[13:5], 1'b0}] ^ {18{writes && a[13:5] == b[13:5]}};
    found_high <= memory[DATA_WIDTH_B == 36 ? {b[13:5], 1'b1} : b[13:4]]
      ^ {18{writes && a[13:5] == b[13:5] && (DATA_WIDTH_A == 36 || a[4] == b[4])}};
    half_b <= b[3];
  end
  wire [17:0] out_a = DATA_WIDTH_B == 36 ? found_low
                    : DATA_WIDTH_A == 9 ? {9'b0, half_a ? found_a[17:9] : found_a[8:0]} : found_a;
  wire [17:0] out_b =
    DATA_WIDTH_B == 9 ? {9'b0, half_b ? found_high[17:9] : found_high[8:0]} : found_high;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
          DOA4, DOA3, DOA2, DOA1, DOA0} = out_a;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
          DOB4, DOB3, DOB2, DOB1, DOB0} = out_b;
endmodule

// An 18 x 18 multiplier without registers.
module MULT18X18D (
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
  output P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0);
  wire signed [18:0] a = {SIGNEDA & A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6,
                          A5, A4, A3, A2, A1, A0};
  wire signed [18:0] b = {SIGNEDB & B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6,
                          B5, B4, B3, B2, B1, B0};
  wire signed [37:0] product = a * b;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
          P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0}
    = product[35:0];
endmodule
