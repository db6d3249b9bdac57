// graphile-worker at the settings its own performance guide names: a local queue, completions batched without delay, prepared statements.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { play } from "./player.mjs";

// One that is meant to happen.
const failure = "the tenth";

const quiet = new Logger(() => (level, message) => {
  if (level === "error" && !message.includes(failure)) console.error(message);
});

const preset = (order) => ({
  worker: {
    connectionString: `postgres://surety@/${order.database}?host=${encodeURIComponent(order.socket)}`,
    maxPoolSize: 25,
    concurrentJobs: order.concurrency || 24,
    pollInterval: 2000,
    preparedStatements: true,
    // The refetch delay and the batch delays trade latency for throughput; without them it was as fast here.
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger: quiet,
  },
});

let utils;
let runner;
let task;

play({
  open: async (order) => {
    utils = await makeWorkerUtils({ preset: preset(order) });
    await utils.migrate();
    task = order.queue;
  },
  close: () => utils.release(),
  send: (jobs) => (jobs.length === 1 ? utils.addJob(task, jobs[0]) : utils.addJobs(jobs.map((payload) => ({ identifier: task, payload })))),
  left: () => utils.withPgClient(async (client) => Number((await client.query("SELECT count(*) FROM graphile_worker.jobs WHERE task_identifier = $1", [task])).rows[0].count)),
  start: async (order, handled) => {
    runner = await run({
      preset: preset(order),
      noHandleSignals: true,
      taskList: {
        [order.queue]: async (payload, helpers) => {
          if (order.handler === "fail" && payload.number % 10 === 3 && helpers.job.attempts === 1) throw new Error(failure);
          if (order.handler === "row") await helpers.query({ name: "effect", text: "INSERT INTO effect (number, amount) VALUES ($1, $2)", values: [payload.number, payload.amount] });
          handled(payload);
        },
      },
    });
  },
  stop: () => runner.stop(),
});
