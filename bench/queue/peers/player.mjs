// One child process of the benchmark: takes orders as lines of JSON, says what happened as lines of JSON. The .NET side of the same is bench/Surety.Bench/JobQueues/Player.cs.
import { createInterface } from "node:readline";

export const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** About 250 bytes of JSON, the same as JobQueues/Job.cs. */
export const job = (number, sentAt) => ({
  number,
  sentAt,
  transfer: `${number.toString(16).padStart(8, "0")}-0001-0002-0304-05060708090a`,
  from: "account-000000000001",
  to: "account-000000000002",
  amount: "1250",
  currency: "EUR",
  reference: "Invoice 2026-0001, thank you for your order, please do not answer",
});

const growth = Math.log(1.02);

const mix = (number) => {
  let h = number | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/** What the handlers were given: enough to tell a lost job and one that was handled twice, and how long each had waited. */
class Tally {
  count = 0;
  sum = 0;
  mixed = 0;
  at = 0;
  waited = new Map();

  add({ number, sentAt }) {
    const at = now();
    this.count++;
    this.sum += number;
    this.mixed = (this.mixed ^ mix(number)) >>> 0;
    this.at = at;
    const bucket = Math.floor(Math.log(Math.max(1, at - sentAt)) / growth);
    this.waited.set(bucket, (this.waited.get(bucket) ?? 0) + 1);
  }
}

const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

/** Keeps `inFlight` calls under way until `next` has nothing more to send; `next` may answer with a promise of more. */
async function inTurns(inFlight, next, send) {
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let range; (range = await next()); ) await send(range);
    }),
  );
}

/**
 * @param queue `open(order)`, `close()` and `left()` (how many are not finished) for producing, `start(order, handled)` and `stop()` for working, `send(jobs)`. `handled(job)` is to be called when the handler starts.
 */
export function play(queue) {
  let tally = new Tally();
  let ticking;
  let halted;
  let allowed = 0;
  let wake = () => {};

  const send = async ({ first, count }) => {
    const at = now();
    await queue.send(Array.from({ length: count }, (_, i) => job(first + i, at)));
  };

  const orders = {
    open: async (o) => {
      await queue.open(o);
      say({ said: "opened" });
    },
    close: async () => {
      await queue.close();
      say({ said: "closed" });
    },
    start: async (o) => {
      tally = new Tally();
      let told = 0;
      ticking = setInterval(() => {
        if (tally.count === told) return;
        told = tally.count;
        say({ said: "handled", count: told, at: tally.at });
      }, 10);
      await queue.start(o, (j) => tally.add(j));
      say({ said: "started" });
    },
    forget: async () => {
      tally.waited.clear();
      say({ said: "forgotten" });
    },
    stop: async () => {
      await queue.stop();
      clearInterval(ticking);
      say({ said: "stopped", count: tally.count, sum: tally.sum, mixed: tally.mixed, waited: [...tally.waited] });
    },
    left: async () => {
      say({ said: "left", count: await queue.left() });
    },
    enqueue: async (o) => {
      let next = o.first;
      const end = o.first + o.count;
      const began = now();
      await inTurns(o.inFlight, () => {
        if (next >= end) return undefined;
        const range = { first: next, count: Math.min(o.perCall, end - next) };
        next += range.count;
        return range;
      }, send);
      say({ said: "enqueued", count: o.count, micros: now() - began });
    },
    // As fast as it goes, but never more than a window ahead of the workers: they are told apart by who is slower, and no backlog distorts either.
    sustain: async (o) => {
      halted = false;
      allowed = o.window;
      let sent = 0;
      const began = now();
      await inTurns(o.inFlight, async () => {
        while (!halted && sent + o.perCall > allowed) await new Promise((resolve) => (wake = chain(wake, resolve)));
        if (halted) return undefined;
        const range = { first: o.first + sent, count: o.perCall };
        sent += o.perCall;
        return range;
      }, send);
      say({ said: "enqueued", count: sent, micros: now() - began });
    },
    allow: async (o) => {
      allowed = o.count;
      release();
    },
    halt: async () => {
      halted = true;
      release();
    },
    // At a given rate; a job's waiting begins when it was to be sent, so that a producer held up counts too.
    pace: async (o) => {
      const calls = Math.floor((o.rate * o.seconds) / o.perCall);
      let call = 0;
      const began = now();
      await inTurns(o.inFlight, async () => {
        if (call >= calls) return undefined;
        const mine = call++;
        const due = began + Math.round((mine * o.perCall * 1e6) / o.rate);
        const ahead = due - now();
        if (ahead > 500) await new Promise((resolve) => setTimeout(resolve, ahead / 1000));
        return { first: o.first + mine * o.perCall, at: due };
      }, async ({ first, at }) => {
        await queue.send(Array.from({ length: o.perCall }, (_, i) => job(first + i, at)));
      });
      say({ said: "enqueued", count: calls * o.perCall, micros: now() - began });
    },
  };

  function chain(earlier, later) {
    return () => {
      earlier();
      later();
    };
  }

  function release() {
    const woken = wake;
    wake = () => {};
    woken();
  }

  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const order = JSON.parse(line);
    orders[order.do](order).catch((e) => {
      console.error(e);
      process.exit(1);
    });
  });
  lines.on("close", () => process.exit(0));
  say({ said: "ready" });
}
