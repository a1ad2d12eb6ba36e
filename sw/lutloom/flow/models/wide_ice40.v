// Tables of five and six inputs as LUT4s: the halves or quarters, and a multiplexer after them.

module \$lut (A, Y);
  parameter WIDTH = 0;
  parameter LUT = 0;
  (* force_downto *) input [WIDTH-1:0] A;
  output Y;
  generate
    if (WIDTH == 5) begin
      wire low, high;
      \$lut #(.WIDTH(4), .LUT(LUT[15:0])) l (.A(A[3:0]), .Y(low));
      \$lut #(.WIDTH(4), .LUT(LUT[31:16])) h (.A(A[3:0]), .Y(high));
      \$lut #(.WIDTH(3), .LUT(8'b11100100)) m (.A({high, low, A[4]}), .Y(Y));
    end else if (WIDTH == 6) begin
      // A multiplexer of four in two LUT4s: the first picks among the lower two quarters, or passes
      // A[4] on when A[5] is set; the second then uses that as its own select.
      wire [3:0] quarter;
      wire picked;
      \$lut #(.WIDTH(4), .LUT(LUT[15:0])) q0 (.A(A[3:0]), .Y(quarter[0]));
      \$lut #(.WIDTH(4), .LUT(LUT[31:16])) q1 (.A(A[3:0]), .Y(quarter[1]));
      \$lut #(.WIDTH(4), .LUT(LUT[47:32])) q2 (.A(A[3:0]), .Y(quarter[2]));
      \$lut #(.WIDTH(4), .LUT(LUT[63:48])) q3 (.A(A[3:0]), .Y(quarter[3]));
      \$lut #(.WIDTH(4), .LUT(16'b1111_0000_1100_1010)) m0
        (.A({A[5], A[4], quarter[1], quarter[0]}), .Y(picked));
      \$lut #(.WIDTH(4), .LUT(16'b1100_1010_1111_0000)) m1
        (.A({A[5], picked, quarter[3], quarter[2]}), .Y(Y));
    end else begin
      wire _TECHMAP_FAIL_ = 1;
    end
  endgenerate
endmodule
