#!/usr/bin/env python3
"""How a freshly started backend answers in its first ten seconds. Starts each given program in turns, on data of its own.

usage: start.py ROUNDS NAME=FOLDER NAME=FOLDER …     (FOLDER holds a published samples/Payments)
Each second four clients send about 120 deposits. Printed: p50, p99 and the longest of the first 10 s and of the 5 s after
them, the processor time of the first 10 s, and at the end each program's median over its rounds and its ratio to the first.
"""
import http.client, json, os, socket, statistics, subprocess, sys, tempfile, threading, time, uuid

def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0)); return s.getsockname()[1]

def cpu(pid):
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")

def call(c, method, path, body=None):
    c.request(method, path, json.dumps(body) if body else None, {
        "Authorization": "Bearer dev", "Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex})
    r = c.getresponse(); return r.status, r.read()

def run(folder):
    at = port()
    with tempfile.TemporaryDirectory() as data:
        began = time.monotonic()
        p = subprocess.Popen(["dotnet", f"{folder}/Payments.dll", "--environment", "Development", "--urls", f"http://127.0.0.1:{at}"],
                             cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    c = http.client.HTTPConnection("127.0.0.1", at, timeout=30)
                    if call(c, "GET", "/readyz")[0] == 200: break
                except OSError: pass
                if p.poll() is not None or time.monotonic() - began > 120: raise SystemExit("it did not start")
                time.sleep(0.02)
            ready = time.monotonic(); used = cpu(p.pid); times = []
            def client():
                c = http.client.HTTPConnection("127.0.0.1", at, timeout=30); account = None
                while (now := time.monotonic()) < ready + 15:
                    if account is None: status, body = call(c, "POST", "/accounts", {"owner": "x", "currency": "EUR"})
                    else: status, body = call(c, "POST", "/deposits", {"account": account, "amount": "1", "reference": "r"})
                    times.append((now - ready, (time.monotonic() - now) * 1000, status))
                    if account is None and status == 201: account = json.loads(body)["id"]
                    time.sleep(0.03)
            threads = [threading.Thread(target=client) for _ in range(4)]
            for t in threads: t.start()
            time.sleep(max(0, ready + 10 - time.monotonic())); used = cpu(p.pid) - used
            for t in threads: t.join()
            bad = sum(1 for t in times if t[2] >= 300)
            def q(ms): ms = sorted(ms); return ms[len(ms) // 2], ms[int(len(ms) * .99)], ms[-1]
            first, then = q([m for t, m, _ in times if t < 10]), q([m for t, m, _ in times if t >= 10])
            return dict(start=ready - began, p50=first[0], p99=first[1], max=first[2], later50=then[0], later99=then[1], cpu=used, n=len(times), bad=bad)
        finally:
            p.terminate(); p.wait()

rounds, programs = int(sys.argv[1]), [a.split("=", 1) for a in sys.argv[2:]]
seen = {n: [] for n, _ in programs}
for i in range(rounds):
    for name, folder in programs if i % 2 == 0 else reversed(programs):
        r = run(folder); seen[name].append(r)
        print(name, "  ".join(f"{k} {v:.2f}" for k, v in r.items()), flush=True)
base = None
for name, _ in programs:
    m = {k: statistics.median(r[k] for r in seen[name]) for k in ("start", "p50", "p99", "max", "later99", "cpu")}
    base = base or m
    print(f"{name:10}", "  ".join(f"{k} {v:.2f} (x{v / base[k]:.2f})" for k, v in m.items()))
