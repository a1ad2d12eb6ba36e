"""A report with invented figures and every feature of the page, for its tests and its design."""

from __future__ import annotations

import numpy as np

from lutloom.compare.ladder import Rung
from lutloom.compare.results import ExecutorResult, Throughput, TradeOff, WrongAnswer
from lutloom.report.results import (
    AccuracyByExecutor,
    Clock,
    Details,
    Epoch,
    Estimate,
    Ladder,
    MismatchesByExecutor,
    ModelReport,
    Report,
    Target,
)

STATES = {"L0": "passed", "L1": "passed", "L2": "passed", "L3": "passed", "L4": "passed"}


def executors(accuracy: float) -> tuple[ExecutorResult, ...]:
    rates = {
        "torch_cpu": ("torch, CPU", 31_200.0),
        "onnxruntime": ("ONNX Runtime", 8_410.0),
        "ir": ("IR interpreter, 64 images a word", 212_000.0),
        "rtl": ("Verilog, cocotb on Verilator", 9_800.0),
        "rtl_bulk": ("Verilog, Verilator library", 94_100.0),
        "netlist": ("netlist after synthesis, Verilator", 41_700.0),
    }
    found = [
        ExecutorResult(
            name=name, title=title, accuracy=accuracy, mismatches=0, images=10_000,
            images_per_second=rate,
        )  # type: ignore[arg-type]
        for name, (title, rate) in rates.items()
    ]  # fmt: skip
    found.insert(1, ExecutorResult(name="torch_cuda", title="torch, CUDA", note="no GPU here"))
    return tuple(found)


def model(name: str, accuracy: float, scale: int, seed: int) -> ModelReport:
    rng = np.random.default_rng(seed)
    epochs = 24
    curve = accuracy - 0.09 * np.exp(-np.arange(epochs) / 4) + rng.normal(0, 0.0008, epochs)
    confusion = rng.poisson(1.6, (10, 10))
    confusion[4, 9], confusion[7, 2] = 14, 11
    confusion[np.arange(10), np.arange(10)] = 1000 - confusion.sum(axis=1)
    pictures = rng.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    pictures[:, :4] = pictures[:, -4:] = pictures[:, :, :4] = pictures[:, :, -4:] = 0
    wrong = tuple(
        WrongAnswer(
            index=17 * i, label=i % 10, answer=(i + 3) % 10, height=28, width=28,
            pixels=picture.tobytes(),
        )
        for i, picture in enumerate(pictures)
    )  # fmt: skip
    layers = 4 * scale, scale
    lut4 = {"input": 0, "layers": 50 * scale, "vote": 16 * scale, "argmax": 170, "loader": 90}
    seeds = {"1": 161.3, "2": 167.4, "3": 171.0}
    clock = 167.4e6 if scale > 50 else 106.2e6
    return ModelReport(
        name=name,
        neurons=50 * scale,
        layers=2,
        train_seconds=97.4 * scale / 40,
        seed=0,
        images=10_000,
        accuracy=AccuracyByExecutor(
            torch_cpu=accuracy, onnxruntime=accuracy, ir=accuracy, rtl=accuracy, netlist=accuracy
        ),
        mismatches=MismatchesByExecutor(torch_cpu=0, onnxruntime=0, ir=0, rtl=0, netlist=0),
        ladder=Ladder(**STATES),
        estimate=Estimate(lut4=int(sum(lut4.values()) * 1.021), ff=101 * scale, latency_cycles=13),
        target=Target(
            device="LFE5U-25F" if scale > 50 else "iCE40HX8K",
            lut4=sum(lut4.values()),
            lut4_by_part=lut4,
            ff=99 * scale,
            routed=True,
            fmax_mhz=Clock(min=clock / 1e6 - 6.1, median=clock / 1e6, seeds=seeds),
            bitstream_sha256="3f" * 32,
        ),
        details=Details(
            title="Lattice ECP5 LFE5U-25F" if scale > 50 else "Lattice iCE40 HX8K",
            dataset="MNIST",
            widths=tuple(10 * n for n in layers),
            thresholds=(32, 96, 160),
            latency_cycles=13,
            throughput=Throughput(
                clock_hz=clock,
                pipeline_images_per_second=clock,
                loader_cycles_per_image=196,
                loader_images_per_second=clock / 196,
                latency_ns=13e9 / clock,
            ),
            executors=executors(accuracy),
            rungs={
                "L0": Rung(state="passed", evidence="6 passes"),
                "L1": Rung(state="passed", evidence="0 of 10 000 differ"),
                "L2": Rung(state="passed", evidence="512 images, stalls 0 to 75 %"),
                "L3": Rung(state="passed", evidence="0 of 10 000 differ"),
                "L4": Rung(state="passed", evidence="2 layers, 4 160 tables"),
            },
            history=tuple(
                Epoch(epoch=i + 1, train_accuracy=float(v + i / 4000), validation_accuracy=float(v))
                for i, v in enumerate(curve)
            ),
            trade_off=tuple(
                TradeOff(
                    votes_per_class=v, neurons=50 * v, lut4=50 * v,
                    accuracy=accuracy - 0.16 * (1 - v / scale) ** 2.2,
                )
                for v in (scale // 8, scale // 4, scale // 2, 3 * scale // 4, scale)
            ),
            ff_by_part={"input": 1200, "layers": 50 * scale, "vote": 22 * scale, "argmax": 233},
            confusion=tuple(tuple(int(n) for n in row) for row in confusion),
            wrong=wrong,
            conditions=(
                "encoder counted: the thermometer comparators are on the chip, in the loader",
                "argmax counted, vote counted",
                "with input and output pins, placed and routed",
                "LUT4 as synthesis counts them, carry cells apart",
                "clock after routing, minimum and median over 3 place-and-route seeds",
                "one training run, seed 0",
            ),
            digests={"network.onnx": "9c" * 32, "top.v": "ab" * 32, "bitstream": "3f" * 32},
        ),
    )  # fmt: skip


def synthetic_report() -> Report:
    return Report(
        models=(model("ecp5", 0.9761, 104, 1), model("hx8k", 0.9612, 40, 2)),
        tools={
            "lutloom": "0.1.0",
            "yosys": "0.70 (YoWASP 0.70.0.0.post1259)",
            "nextpnr": "0.11.1 (YoWASP 0.11.1.0.post826)",
            "verilator": "5.48.0",
            "cocotb": "2.1.0",
            "torch": "2.13.0+cpu",
        },
    )
