// Holds every answer against the document: its status, its media type, its headers and its body have to be declared there.
import { Ajv2020 } from "ajv/dist/2020.js";

type Json = Record<string, any>;

export class Declared {
  readonly called = new Set<string>();
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  private readonly watched: string[];

  constructor(private readonly document: Json) {
    this.ajv.addFormat("date-time", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    for (const format of ["int32", "int64", "double", "uri", "binary"]) this.ajv.addFormat(format, true);
    this.ajv.addSchema({ ...document, $id: "https://document.example/" });
    this.watched = Object.keys(document.components.headers).map((name) => name.toLowerCase());
  }

  operations(): string[] {
    return Object.entries<Json>(this.document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
  }

  async check(method: string, path: string, answer: Response): Promise<void> {
    const name = `${method} ${path} ${answer.status}`;
    const pointer = ["paths", path, method.toLowerCase(), "responses", String(answer.status)];
    const declared = this.at(pointer);
    if (!declared) throw new Error(`${name} is not declared: ${await answer.text()}`);
    this.called.add(`${method} ${path}`);
    const headers = Object.keys(declared.headers ?? {}).map((header) => header.toLowerCase());
    for (const header of this.watched) if (answer.headers.has(header) && !headers.includes(header)) throw new Error(`${name}: the header ${header} is not declared`);
    const text = method === "HEAD" ? "" : await answer.clone().text();
    if (text === "") return;
    const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
    const media = declared.content?.[type] ?? declared.content?.["*/*"];
    if (!media) throw new Error(`${name}: the media type ${type} is not declared`);
    if (!media.schema || !type.endsWith("json")) return;
    const valid = this.ajv.compile({ $defs: { media: this.absolute(media.schema) }, $ref: "#/$defs/media" });
    if (!valid(JSON.parse(text))) throw new Error(`${name}: ${this.ajv.errorsText(valid.errors)}: ${text}`);
  }

  /** The address that a link of an answer leads to. */
  link(method: string, path: string, answer: Response, operation: string, body: Json): string {
    const link = this.at(["paths", path, method.toLowerCase(), "responses", String(answer.status)])?.links?.[operation];
    if (!link) throw new Error(`${method} ${path} ${answer.status} has no link to ${operation}`);
    const target = Object.entries<Json>(this.document.paths).find(([, item]) => Object.values<Json>(item).some((o) => o.operationId === operation));
    return Object.entries<string>(link.parameters).reduce((address, [name, from]) => address.replace(`{${name}}`, String(body[from.replace("$response.body#/", "")])), target![0]);
  }

  private at(pointer: string[]): Json | undefined {
    const found = pointer.reduce<any>((value, step) => value?.[step], this.document);
    return found?.$ref ? this.at(found.$ref.slice(2).split("/").map((step: string) => step.replaceAll("~1", "/").replaceAll("~0", "~"))) : found;
  }

  /** References of a schema, so that they lead into the document from outside. */
  private absolute(schema: any): any {
    if (Array.isArray(schema)) return schema.map((item) => this.absolute(item));
    if (schema === null || typeof schema !== "object") return schema;
    return Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, name === "$ref" ? `https://document.example/${value}` : this.absolute(value)]));
  }
}
