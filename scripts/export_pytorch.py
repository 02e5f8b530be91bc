#!/usr/bin/env python3
"""A model trained with PyTorch, exported so that a gateway runs it: a worked example to copy from.

Needs Debian's python3-torch and python3-onnx (or `pip install torch onnx`), nothing else:

    python3 scripts/export_pytorch.py --out DIR

Trains a small autoencoder on a simulated pump (ten seconds on one core) and writes into DIR

    pytorch-pump.onnx   the model file: graph, manifest and self-test; `wearwatch models verify` finds nothing to say
    bare.onnx           the graph alone, with
    manifest.yaml       what it is, and
    windows.npy         windows to make a self-test of, for `wearwatch models wrap`: the same file by the other way
    expected.json       windows and what PyTorch scores them, for a test

Everything that turns raw units into a calibrated score is in the graph: centre, scale, network, norm, setpoint.
docs/models.md has the contract.
"""
import argparse
import base64
import json
import math
import os

import numpy as np
import onnx
import torch
from torch import nn

CHANNELS = [("flow", "m3/h"), ("pressure", "bar"), ("current", "A"), ("bearing-temp", "Cel")]
SAMPLES = 16  # rows of a window
HOP = 4  # rows from one window to the next
EVERY_MS = 1000
ROWS = 20_000
SEED = 1
# Share of held-out healthy windows below the setpoint.
SETPOINT_QUANTILE = 0.995
TOLERANCE = 0.01


def simulate(rows, seed, fault=0.0):
    """[rows, channels] of a pump whose load wanders. `fault`: a strainer clogs, 0 (clean) to 1; flow falls, and current a little."""
    rng = np.random.default_rng(seed)
    load = np.zeros(rows)
    temp = np.zeros(rows)
    for t in range(1, rows):
        load[t] = 0.98 * load[t - 1] + 0.2 * rng.standard_normal()
        temp[t] = temp[t - 1] + 0.01 * (load[t] - temp[t - 1])
    noise = rng.standard_normal((rows, 4))
    flow = 80 + 6 * load - 12 * fault + 0.6 * noise[:, 0]
    pressure = 5 - 0.2 * load + 0.4 * fault + 0.03 * noise[:, 1]
    current = 21 + 1.1 * load - 0.8 * fault + 0.15 * noise[:, 2]
    return np.stack([flow, pressure, current, 52 + 4 * temp + 0.2 * noise[:, 3]], axis=1)


def windows_of(rows, hop):
    """[count, channels, samples], oldest row first."""
    starts = range(0, len(rows) - SAMPLES + 1, hop)
    return torch.tensor(np.stack([rows[s : s + SAMPLES].T for s in starts]), dtype=torch.float32)


class Network(nn.Module):
    """Standardised window in, standardised window out, through six numbers."""

    def __init__(self):
        super().__init__()
        width = len(CHANNELS) * SAMPLES
        self.encode = nn.Sequential(nn.Linear(width, 24), nn.Tanh(), nn.Linear(24, 6))
        self.decode = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, width))

    def forward(self, z):
        return self.decode(self.encode(z))


class Deliverable(nn.Module):
    """The whole contract around the network: raw `window` -> `score`, `contributions`, `features`."""

    def __init__(self, network, centre, deviation, residual):
        super().__init__()
        self.network = network
        self.register_buffer("centre", centre.view(1, -1, 1))
        self.register_buffer("inverse", (1 / deviation).view(1, -1, 1))
        self.register_buffer("residual_inverse", (1 / residual).view(1, -1, 1))
        self.register_buffer("limit", torch.tensor(1.0))

    def forward(self, window):
        # The mean goes first, in raw units: 101325.2 - 101325 is exact in float32, 101325.2 / 7 - 14475 is not.
        z = (window - self.centre) * self.inverse
        back = self.network(z.flatten(1)).reshape(-1, len(CHANNELS), SAMPLES)
        per_channel = ((z - back) * self.residual_inverse).square().mean(2)
        score = per_channel.mean(1).sqrt() / self.limit
        floored = per_channel + 1e-12  # no 0/0 on a perfect window
        contributions = floored / floored.sum(1, keepdim=True)
        # In engineering units, for "flow 18 % below prediction": deviations, then predictions.
        expected = back.mean(2) / self.inverse.squeeze(2) + self.centre.squeeze(2)
        features = torch.cat([window.mean(2) - expected, expected], 1)
        return score, contributions, features


def train(healthy):
    torch.manual_seed(SEED)
    cut = int(0.8 * len(healthy))
    fit, held = healthy[:cut], healthy[cut:]
    centre, deviation = fit.mean((0, 2)), fit.std((0, 2))
    z = ((fit - centre.view(1, -1, 1)) / deviation.view(1, -1, 1)).flatten(1)
    network = Network()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for epoch in range(60):
        for batch in torch.randperm(len(z)).split(128):
            loss = (network(z[batch]) - z[batch]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    print(f"trained on {len(fit)} windows, mean squared residual {loss.item():.4f}")
    with torch.no_grad():
        residual = (network(z) - z).reshape(fit.shape).square().mean((0, 2)).sqrt()
        model = Deliverable(network, centre, deviation, residual).eval()
        # The setpoint comes from windows that the network was not fitted on.
        model.limit.copy_(torch.quantile(model(held)[0], SETPOINT_QUANTILE))
        quantiles = {str(q): round(torch.quantile(model(held)[0], q).item(), 6) for q in (0.5, 0.9, 0.99, 1)}
    return model, quantiles


def manifest_of(quantiles):
    both = [(f"{name} {role}", unit, name, role) for role in ("deviation", "prediction") for name, unit in CHANNELS]
    return {
        "schema": "wearwatch.model/1",
        "name": "pytorch-pump",
        "release": 1,
        "family": "dense autoencoder",
        "assetClass": "pump",
        "channels": [{"id": name, "unit": unit} for name, unit in CHANNELS],
        "samples": SAMPLES,
        "hop": HOP,
        "everyMs": EVERY_MS,
        "alarm": {"onDelayMs": 60_000, "offDelayMs": 300_000, "deadband": 0.1},
        "contributions": [name for name, _ in CHANNELS],
        "features": [{"name": n, "unit": u, "channel": c, "role": r} for n, u, c, r in both],
        "fitted": {"rows": ROWS, "fromUs": 0, "toUs": ROWS * EVERY_MS * 1000, "source": f"simulated pump, seed {SEED}"},
        "quantiles": quantiles,
    }


def self_test(model, windows):
    with torch.no_grad():
        scores = model(windows)[0]
    data = windows.numpy().astype("<f4").tobytes()
    return {
        "windows": base64.b64encode(data).decode(),
        "scores": [float(f"{score:.7g}") for score in scores.tolist()],
        "tolerance": TOLERANCE,
    }


def export(model, path):
    """opset 17 and IR 8 are read by ONNX Runtime 1.12 to 1.29 and TensorRT 8.5 to 10."""
    outputs = {"score": [], "contributions": [len(CHANNELS)], "features": [2 * len(CHANNELS)]}
    torch.onnx.export(
        model,
        (torch.zeros(2, len(CHANNELS), SAMPLES),),
        path,
        input_names=["window"],
        output_names=list(outputs),
        dynamic_axes={name: {0: "batch"} for name in ["window", *outputs]},
        opset_version=17,
    )
    graph = onnx.load(path)
    graph.ir_version = 8
    # The exporter may name a dimension that it could not follow; the contract wants numbers.
    for value in graph.graph.output:
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims[1:], outputs[value.name]):
            dim.dim_value = size
    onnx.checker.check_model(graph)
    onnx.save_model(graph, path, save_as_external_data=False)
    return graph


def yaml_of(manifest):
    """The same manifest as a person writes it for `wearwatch models wrap`. (JSON in YAML: every value is valid YAML.)"""
    lines = [f"{key}: {json.dumps(manifest[key])}" for key in ("name", "release", "family")]
    lines += [f"class: {manifest['assetClass']}", "channels:"]
    lines += [f"  - {json.dumps(channel)}" for channel in manifest["channels"]]
    lines += [f"hop: {manifest['hop']}", f"every: {manifest['everyMs'] // 1000}s"]
    lines += ["alarm: {on-delay: 1min, off-delay: 5min, deadband: 0.1}"]
    lines += [f"contributions: {json.dumps(manifest['contributions'])}", "features:"]
    lines += [f"  - {json.dumps(feature)}" for feature in manifest["features"]]
    rows, source = manifest["fitted"]["rows"], manifest["fitted"]["source"]
    lines += [f"fitted: {{rows: {rows}, from: 1970-01-01T00:00:00Z, to: 1970-01-01T05:33:20Z, source: {json.dumps(source)}}}"]
    lines += [f"quantiles: {json.dumps(manifest['quantiles'])}", f"tolerance: {TOLERANCE}"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder to write into")
    folder = parser.parse_args().out
    os.makedirs(folder, exist_ok=True)
    torch.set_num_threads(1)

    model, quantiles = train(windows_of(simulate(ROWS, SEED), HOP))
    # Healthy windows and a strainer that clogs step by step: a self-test has to show what an alarm looks like.
    healthy = windows_of(simulate(400, SEED + 1), 40)[:6]
    clogging = torch.cat([windows_of(simulate(100, SEED + 2, fault), 100)[:1] for fault in (0.5, 1, 2, 4)])
    tested = torch.cat([healthy, clogging])

    bare = export(model, os.path.join(folder, "bare.onnx"))
    manifest = {**manifest_of(quantiles), "selfTest": self_test(model, tested)}
    entry = bare.metadata_props.add()
    entry.key, entry.value = "wearwatch.manifest", json.dumps(manifest)
    onnx.save_model(bare, os.path.join(folder, "pytorch-pump.onnx"))

    with open(os.path.join(folder, "manifest.yaml"), "w") as file:
        file.write(yaml_of(manifest))
    np.save(os.path.join(folder, "windows.npy"), tested.numpy())
    others = torch.cat([windows_of(simulate(200, SEED + 3, fault), 100)[:1] for fault in (0, 1, 3)])
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump(self_test(model, others), file, indent=1)
    scores = manifest["selfTest"]["scores"]
    alarming = sum(score >= 1 for score in scores)
    print(f"setpoint: {SETPOINT_QUANTILE:.1%} of held-out windows lie below it; self-test: {alarming} of {len(scores)} alarm")
    print("written to", folder, ", ".join(sorted(os.listdir(folder))), sep="  ")
    if not math.isfinite(max(scores)):
        raise SystemExit("scores are not finite")


if __name__ == "__main__":
    main()
