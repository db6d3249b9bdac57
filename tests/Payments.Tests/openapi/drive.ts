// node drive.js URL KEY: drives the whole backend by a client that was made from its OpenAPI document and knows nothing else.
import createClient from "openapi-fetch";
import { Declared } from "./declared.js";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[]; exit(code: number): never };

const [url, key] = process.argv.slice(2) as [string, string];
const document = await (await fetch(`${url}/openapi/v1.json`)).json();
const declared = new Declared(document);
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
api.use({ onResponse: ({ schemaPath, request, response }) => declared.check(request.method, schemaPath, response) });

let keys = 0;
const once = () => ({ header: { "Idempotency-Key": `drive-${++keys}` } });

function must(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

function is(actual: unknown, expected: unknown, what: string): void {
  must(actual === expected, `${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
}

/** What succeeds. */
async function good<T extends { response: Response; data?: unknown; error?: unknown }>(status: number, call: Promise<T>): Promise<{ data: NonNullable<T["data"]>; response: Response }> {
  const answer = await call;
  is(answer.response.status, status, JSON.stringify(answer.error ?? answer.data));
  return { data: answer.data as NonNullable<T["data"]>, response: answer.response };
}

/** What is answered with a job; without Prefer: wait it never is with the result. */
async function accepted(call: Promise<{ response: Response; data?: unknown; error?: unknown }>): Promise<{ data: components["schemas"]["AcceptedJob"]; response: Response }> {
  const { data, response } = await good(202, call);
  return { data: data as components["schemas"]["AcceptedJob"], response };
}

/** What is refused, with the code that says why. */
async function refused(status: number, code: string, call: Promise<{ response: Response; error?: unknown }>): Promise<void> {
  const answer = await call;
  is(answer.response.status, status, code);
  const problem = answer.error as components["schemas"]["Problem"];
  is(problem.code, code, "code");
  is(problem.outcome, "none", "outcome");
}

async function job(id: string): Promise<components["schemas"]["Job"]> {
  for (;;) {
    const data = (await good(200, api.GET("/jobs/{id}", { params: { path: { id }, query: { wait: 20 } } }))).data as components["schemas"]["Job"]; // or its events
    if (["succeeded", "dead", "cancelled"].includes(data.status)) return data;
  }
}

async function accounts(): Promise<[string, string]> {
  const opening = once();
  const body = { owner: "Ada", currency: "EUR", overdraftLimit: "0" };
  const first = await good(201, api.POST("/accounts", { params: opening, body }));
  is(declared.link("POST", "/accounts", first.response, "getAccount", first.data), first.response.headers.get("location"), "link");
  const again = await good(201, api.POST("/accounts", { params: opening, body }));
  is(again.data.id, first.data.id, "replayed id");
  is(again.response.headers.get("idempotent-replayed"), "true", "replayed");
  await refused(422, "idempotency-key-reused", api.POST("/accounts", { params: opening, body: { ...body, owner: "Eve" } }));
  await refused(400, "validation", api.POST("/accounts", { params: once(), body: { ...body, currency: "eur" } }));
  const second = await good(201, api.POST("/accounts", { body: { owner: "Grace", currency: "EUR" } }));

  const shown = await good(200, api.GET("/accounts/{id}", { params: { path: { id: first.data.id } } }));
  is(shown.data.balance, "0", "balance");
  const tag = shown.response.headers.get("etag");
  must(tag, "no ETag");
  const known = await api.GET("/accounts/{id}", { params: { path: { id: first.data.id }, header: { "If-None-Match": tag } } });
  is(known.response.status, 304, "conditional");
  await refused(404, "account-not-found", api.GET("/accounts/{id}", { params: { path: { id: "999999" } } }));
  const change = (etag: string) => api.PATCH("/accounts/{id}", { params: { path: { id: first.data.id }, header: { "If-Match": etag } }, body: { owner: "Ada Lovelace" } });
  is((await good(200, change(tag))).data.owner, "Ada Lovelace", "owner");
  await refused(412, "precondition-failed", change(tag));
  await refused(428, "precondition-required", api.PATCH("/accounts/{id}", { params: { path: { id: first.data.id }, header: {} as never }, body: {} }));
  return [first.data.id, second.data.id];
}

async function transfers(from: string, to: string): Promise<void> {
  const depositing = once();
  const deposit = { account: from, amount: "10000", reference: "salary" };
  const first = await good(201, api.POST("/deposits", { params: depositing, body: deposit }));
  const again = await good(201, api.POST("/deposits", { params: depositing, body: deposit }));
  is(again.data.id, first.data.id, "replayed id");
  await refused(404, "account-not-found", api.POST("/deposits", { params: once(), body: { ...deposit, account: "999999" } }));
  await refused(400, "validation", api.POST("/deposits", { params: once(), body: { ...deposit, amount: "0" } }));
  await refused(400, "idempotency-key-missing", api.POST("/deposits", { params: { header: {} as never }, body: deposit }));

  const moving = once();
  const transfer = { from, to, amount: "1250", reference: "rent" };
  const moved = await good(201, api.POST("/transfers", { params: moving, body: transfer }));
  is(declared.link("POST", "/transfers", moved.response, "getTransfer", moved.data), moved.response.headers.get("location"), "link");
  is((await good(201, api.POST("/transfers", { params: moving, body: transfer }))).data.id, moved.data.id, "replayed id");
  const short = once();
  await refused(422, "insufficient-funds", api.POST("/transfers", { params: short, body: { ...transfer, amount: "1000000" } }));
  await refused(422, "insufficient-funds", api.POST("/transfers", { params: short, body: { ...transfer, amount: "1000000" } }));
  await refused(400, "validation", api.POST("/transfers", { params: once(), body: { ...transfer, to: from } }));
  const dollars = await good(201, api.POST("/accounts", { params: once(), body: { owner: "Ada", currency: "USD" } }));
  await refused(422, "currency-mismatch", api.POST("/transfers", { params: once(), body: { ...transfer, to: dollars.data.id } }));
  const found = await good(200, api.GET("/transfers/{id}", { params: { path: { id: moved.data.id } } }));
  is(found.data.amount, "1250", "amount");
  await refused(404, "transfer-not-found", api.GET("/transfers/{id}", { params: { path: { id: "999999" } } }));
}

async function entries(account: string): Promise<void> {
  const seen: string[] = [];
  let pageToken: string | undefined;
  do {
    const page = await good(200, api.GET("/accounts/{id}/entries", { params: { path: { id: account }, query: { pageSize: 1, ...(pageToken ? { pageToken } : {}) } } }));
    seen.push(...page.data.items.map((entry) => entry.amount));
    pageToken = page.data.nextPageToken ?? undefined;
  } while (pageToken);
  is(seen.join(), "-1250,10000", "entries");
  await refused(400, "cursor-invalid", api.GET("/accounts/{id}/entries", { params: { path: { id: account }, query: { pageToken: "no token" } } }));
  await refused(400, "validation", api.GET("/accounts/{id}/entries", { params: { path: { id: account }, query: { pageSize: 0 } } }));
}

async function payouts(account: string): Promise<void> {
  const paying = once();
  const body = { account, amount: "500", destination: "DE89370400440532013000" };
  const paid = await accepted(api.POST("/payouts", { params: paying, body }));
  is(declared.link("POST", "/payouts", paid.response, "getJob", paid.data), paid.response.headers.get("location"), "link");
  is((await accepted(api.POST("/payouts", { params: paying, body }))).data.id, paid.data.id, "replayed job");
  await refused(422, "insufficient-funds", api.POST("/payouts", { params: once(), body: { ...body, amount: "1000000" } }));
  is((await job(paid.data.id)).status, "succeeded", "payout");
  const result = await good(200, api.GET("/jobs/{id}/result", { params: { path: { id: paid.data.id } } }));
  must((result.data as { providerReference?: string }).providerReference, "no reference of the provider");
  await refused(409, "job-not-cancellable", api.DELETE("/jobs/{id}", { params: { path: { id: paid.data.id } } }));
  await refused(404, "not-found", api.GET("/jobs/{id}", { params: { path: { id: "999999999" } } }));
}

async function reports(account: string): Promise<void> {
  const body = { account, from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" };
  const asked = await accepted(api.POST("/reports", { params: once(), body }));
  is((await job(asked.data.id)).status, "succeeded", "report");
  const csv = await good(200, api.GET("/jobs/{id}/result", { params: { path: { id: asked.data.id } }, parseAs: "text" }));
  must(String(csv.data).startsWith("id,transferId,amount"), "no CSV");
  const waited = await api.POST("/reports", { params: { header: { ...once().header, Prefer: "wait=20" } }, body, parseAs: "text" });
  is(waited.response.status, 200, "waited");
  must(String(waited.data).startsWith("id,transferId,amount"), "no CSV");
  await refused(400, "validation", api.POST("/reports", { params: once(), body: { ...body, to: body.from } }));
}

async function jobs(): Promise<void> {
  const page = await good(200, api.GET("/jobs", { params: { query: { pageSize: 1, status: "succeeded" } } }));
  must(page.data.nextPageToken, "one page only");
  const next = await good(200, api.GET("/jobs", { params: { query: { pageSize: 1, status: "succeeded", pageToken: page.data.nextPageToken } } }));
  const [first, second] = [page.data.items[0], next.data.items[0]];
  must(first && second && first.id !== second.id, "the same job twice");
  const events = await good(200, api.GET("/jobs/{id}/events", { params: { path: { id: first.id } }, parseAs: "text" }));
  const last = /id: (\S+)\nevent: end/.exec(String(events.data));
  must(last, "the events do not end");
  await good(204, api.GET("/jobs/{id}/events", { params: { path: { id: first.id }, header: { "Last-Event-ID": last[1]! } } }));
}

async function statements(from: string, to: string): Promise<void> {
  const text = `reference,from,to,amount\nfirst,${from},${to},1\nsecond,${from},999999,1\n`;
  const form = await accepted(api.POST("/statements", {
    params: { header: { "Idempotency-Key": "drive-form" } },
    body: { file: text },
    bodySerializer: () => {
      const data = new FormData();
      data.append("file", new Blob([text], { type: "text/csv" }), "payments.csv");
      return data;
    },
  }));
  is((await job(form.data.id)).status, "succeeded", "import");
  const result = await good(200, api.GET("/jobs/{id}/result", { params: { path: { id: form.data.id } } }));
  const told = result.data as { posted: number; rejected: { code: string }[] };
  is(told.posted, 1, "posted");
  is(told.rejected[0]?.code, "account-not-found", "rejected");

  const tus = { "Tus-Resumable": "1.0.0" as const };
  const raw = { bodySerializer: (body: unknown) => body as string, headers: { "Content-Type": "application/offset+octet-stream" } };
  await good(204, api.OPTIONS("/statements", {}));
  const begin = async () => (await good(201, api.POST("/statements", { params: { header: { ...tus, "Upload-Length": text.length } } }))).response.headers.get("location")!.split("/").pop()!;
  const id = await begin();
  const half = text.length / 2 | 0;
  await good(204, api.OPTIONS("/statements/{id}", { params: { path: { id } } }));
  await good(204, api.PATCH("/statements/{id}", { params: { path: { id }, header: { ...tus, "Upload-Offset": 0 } }, body: text.slice(0, half), ...raw }));
  await refused(409, "upload-offset-mismatch", api.PATCH("/statements/{id}", { params: { path: { id }, header: { ...tus, "Upload-Offset": 0 } }, body: text, ...raw }));
  const where = await good(200, api.HEAD("/statements/{id}", { params: { path: { id }, header: tus } }));
  is(where.response.headers.get("upload-offset"), String(half), "offset");
  const last = await good(204, api.POST("/statements/{id}", { params: { path: { id }, header: { ...tus, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": half } }, body: text.slice(half), ...raw }));
  const address = /<\/jobs\/([^>]+)>; rel="status"/.exec(last.response.headers.get("link") ?? "");
  must(address, "no link to the job");
  is((await job(address[1]!)).status, "succeeded", "import");
  const other = await begin();
  await good(204, api.DELETE("/statements/{id}", { params: { path: { id: other }, header: tus } }));
  await refused(410, "upload-gone", api.DELETE("/statements/{id}", { params: { path: { id: other }, header: tus } }));
}

async function books(): Promise<void> {
  const audit = await good(200, api.GET("/audit"));
  must(Object.values(audit.data.sums).every((sum) => sum === "0"), "the books do not sum to zero");
  is(audit.data.mismatchedAccounts, 0, "mismatched accounts");
}

async function credentials(): Promise<void> {
  const made = await good(201, api.POST("/keys", { body: { principal: "drive" } }));
  const stranger = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${made.data.secret}` } });
  stranger.use({ onResponse: ({ schemaPath, request, response }) => declared.check(request.method, schemaPath, response) });
  await refused(403, "forbidden", stranger.GET("/keys"));
  const listed = await good(200, api.GET("/keys"));
  must(listed.data.items.some((k) => k.prefix === made.data.prefix), "the key is not listed");
  is((await good(200, api.GET("/keys/{prefix}", { params: { path: { prefix: made.data.prefix } } }))).data.principal, "drive", "principal");
  const next = await good(201, api.POST("/keys/{prefix}/rotate", { params: { path: { prefix: made.data.prefix } }, body: { overlapSeconds: 60 } }));
  must(next.data.prefix !== made.data.prefix, "the same key");
  await refused(404, "not-found", api.GET("/keys/{prefix}", { params: { path: { prefix: "000000000000" } } }));
  await good(204, api.DELETE("/keys/{prefix}", { params: { path: { prefix: made.data.prefix } } }));
  await refused(404, "not-found", api.DELETE("/keys/{prefix}", { params: { path: { prefix: made.data.prefix } } }));
  const nobody = createClient<paths>({ baseUrl: url });
  nobody.use({ onResponse: ({ schemaPath, request, response }) => declared.check(request.method, schemaPath, response) });
  await refused(401, "unauthenticated", nobody.GET("/audit"));
}

try {
  const [from, to] = await accounts();
  await transfers(from, to);
  await entries(from);
  await payouts(from);
  await reports(from);
  await jobs();
  await statements(from, to);
  await books();
  await credentials();
  const left = declared.operations().filter((operation) => !declared.called.has(operation));
  must(left.length === 0, `not driven: ${left.join(", ")}`);
  console.log(`${declared.called.size} operations`);
} catch (error) {
  console.error(error);
  process.exit(1);
}
