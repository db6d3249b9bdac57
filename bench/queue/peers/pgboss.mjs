// pg-boss at its fastest here: the queue in a partition of its own, four workers that fetch a thousand at a time for as long as there are so many.
// With an effect in the same database it is a hundred to a transaction: one at a time it would take two a second, since it fetches on only after full batches.
import { PgBoss } from "pg-boss";
import { play } from "./player.mjs";

async function connect(order, options) {
  const boss = new PgBoss({ host: order.socket, database: order.database, user: "surety", max: 20, schedule: false, ...options });
  boss.on("error", (e) => console.error(e));
  await boss.start();
  await boss.createQueue(order.queue, { partition: true, notify: true, retryLimit: 5, retryDelay: 1 });
  ({ queue } = order);
  return boss;
}

let queue;
let producer;
let worker;

play({
  open: async (order) => {
    producer = await connect(order, { supervise: false });
  },
  close: () => producer.stop({ graceful: true, close: true }),
  send: (jobs) => (jobs.length === 1 ? producer.send(queue, jobs[0]) : producer.insert(queue, jobs.map((data) => ({ data })))),
  left: async () => Number((await producer.getDb().executeSql("SELECT count(*) FROM pgboss.job WHERE name = $1 AND state < 'completed'", [queue])).rows[0].count),
  start: async (order, handled) => {
    worker = await connect(order, { useListenNotify: true });
    const settings = { batchSize: order.handler === "row" ? 100 : 1000, localConcurrency: order.concurrency || 4, pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5, burstWhenBatchFull: true };
    if (order.handler === "row") {
      await worker.work(queue, { ...settings, transactional: true }, async (jobs, transaction) => {
        for (const { data } of jobs) {
          await transaction.executeSql("INSERT INTO effect (number, amount) VALUES ($1, $2)", [data.number, data.amount]);
          handled(data);
        }
      });
    } else if (order.handler === "fail") {
      await worker.work(queue, { ...settings, perJobResults: true, includeMetadata: true }, async (jobs) =>
        jobs.map(({ id, data, retryCount }) => {
          if (data.number % 10 === 3 && retryCount === 0) return { id, status: "failed" };
          handled(data);
          return { id, status: "completed" };
        }),
      );
    } else {
      await worker.work(queue, settings, async (jobs) => {
        for (const { data } of jobs) handled(data);
      });
    }
  },
  stop: () => worker.stop({ graceful: true, close: true }),
});
