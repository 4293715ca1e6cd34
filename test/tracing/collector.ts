import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listenLocally } from '../listen-locally.ts';

/** A span in OTLP's JSON. */
export interface TakenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly TakenSpan[] }[];
  }[];
}

type Answer = (response: ServerResponse) => unknown;

/** An OpenTelemetry collector for tests: accepts OTLP over HTTP in JSON and keeps the spans. */
export class TestCollector {
  readonly spans: TakenSpan[] = [];
  /** Every request, accepted or not. */
  readonly requests: {
    path: string;
    authorization: string;
    spanCount: number;
    resource: Record<string, string>;
  }[] = [];
  /** The next answers, in order. When there are no more, every request is accepted. */
  readonly answers: Answer[] = [];
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(port = 0): Promise<TestCollector> {
    const collector = new TestCollector();
    collector.#port = await listenLocally(collector.#server, port);
    return collector;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const { resourceSpans } = JSON.parse(text) as ExportRequest;
    const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
    const resource = attributesOf(resourceSpans[0]?.resource.attributes ?? []);
    const { authorization = '' } = request.headers;
    this.requests.push({ path: request.url ?? '', authorization, spanCount: spans.length, resource });
    const answer = this.answers.shift();
    if (answer !== undefined) {
      answer(response);
      return;
    }
    this.spans.push(...spans);
    response.setHeader('Content-Type', 'application/json').end('{"partialSuccess":{}}');
  }
}

export function attributesOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? `${value.intValue}`] as const),
  );
}
