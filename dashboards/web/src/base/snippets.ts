// How each kind of sender is pointed at this server: one text to be copied, with the host filled in.

export const SENDERS = ["java", "go", "python", "node", "collector", "prometheus", "curl"] as const;
export type Sender = (typeof SENDERS)[number];

export interface Place {
  /** Scheme, host and port of this server as the sender sees it: it takes OTLP where it shows its pages. */
  address: string;
  service: string;
  /** Whether senders must show a token. */
  token: boolean;
}

/**
 * The address that was typed, or the page's own where that is none. A bare host gets the scheme and port of the page;
 * nothing but scheme, host and port is kept, because the text becomes part of commands.
 */
export function addressOf(typed: string, origin: string): string {
  const own = new URL(origin);
  const text = typed.trim();
  const whole = /^https?:\/\//i.test(text);
  if (text === "" || (!whole && /[/@?#]/.test(text))) return origin;
  try {
    const url = new URL(whole ? text : `${own.protocol}//${text}`);
    const named = whole || /:\d+$/.test(text);
    return `${url.protocol}//${url.hostname}${url.port ? `:${url.port}` : named || !own.port ? "" : `:${own.port}`}`;
  } catch {
    return origin;
  }
}

const bare = (address: string): string => address.replace(/^https?:\/\//, "");

/** The pipeline of a Collector that reads by `receiver` and sends here. */
function pipeline(place: Place, receiver: string, signals: readonly string[]): string {
  const lines = signals.map((signal) => `    ${signal}: { receivers: [${receiver}], exporters: [otlphttp/stormglass] }`);
  return `exporters:
  otlphttp/stormglass:
    endpoint: ${place.address}${place.token ? `\n    headers: { authorization: "Bearer YOUR_TOKEN" }` : ""}

service:
  pipelines:
${lines.join("\n")}`;
}

const collector = (place: Place): string => pipeline(place, "otlp", ["traces", "metrics", "logs"]);

/** Prometheus has its alerts taken here; what it scrapes comes by a Collector, which scrapes as Prometheus does. */
function prometheus(place: Place): string {
  const secret = place.token ? `\n      authorization: { credentials: YOUR_TOKEN }` : "";
  const scheme = place.address.startsWith("https") ? `\n      scheme: https` : "";
  return `# prometheus.yml: its alerts become incidents here
alerting:
  alertmanagers:
    - path_prefix: /alertmanager${scheme}${secret}
      static_configs: [{ targets: ["${bare(place.address)}"] }]

# collector.yaml: scrapes what Prometheus scrapes, and sends it here
receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: ${place.service}
          static_configs: [{ targets: ["localhost:9090"] }]
${pipeline(place, "prometheus", ["metrics"])}`;
}

/** Names become part of commands: what a shell would read differently is taken out. */
export const safeName = (text: string): string => text.replace(/[^\p{L}\p{N}._-]/gu, "-").slice(0, 100) || "my-service";

function environment(place: Place): string {
  const token = place.token ? `\nexport OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer YOUR_TOKEN"` : "";
  return `export OTEL_SERVICE_NAME=${place.service}\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${place.address}${token}`;
}

/** A trace of one span that a terminal can send; `now` in milliseconds. */
function curlSpan(place: Place, now: number): string {
  const hex = (digits: number): string => Array.from(crypto.getRandomValues(new Uint8Array(digits / 2)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const body = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: place.service } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: hex(32),
                spanId: hex(16),
                name: "GET /hello",
                kind: 2,
                startTimeUnixNano: `${now - 42}000000`,
                endTimeUnixNano: `${now}000000`,
              },
            ],
          },
        ],
      },
    ],
  };
  const token = place.token ? ` -H 'authorization: Bearer YOUR_TOKEN'` : "";
  return `curl -X POST ${place.address}/v1/traces -H 'content-type: application/json'${token} \\\n  -d '${JSON.stringify(body)}'`;
}

const TEXTS: Record<Exclude<Sender, "curl">, (place: Place) => string> = {
  java: (place) => `${environment(place)}
java -javaagent:opentelemetry-javaagent.jar -jar app.jar`,
  go: (place) => `${environment(place)}
go get go.opentelemetry.io/otel/sdk go.opentelemetry.io/contrib/exporters/autoexport

// in main():
exporter, err := autoexport.NewSpanExporter(ctx)
if err != nil { log.Fatal(err) }
provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
defer provider.Shutdown(ctx)
otel.SetTracerProvider(provider)`,
  python: (place) => `${environment(place)}
pip install opentelemetry-distro opentelemetry-exporter-otlp
opentelemetry-bootstrap -a install
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
opentelemetry-instrument python app.py`,
  node: (place) => `${environment(place)}
npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node
node --require @opentelemetry/auto-instrumentations-node/register app.js`,
  collector,
  prometheus,
};

export const snippet = (sender: Sender, place: Place, now: number): string => (sender === "curl" ? curlSpan(place, now) : TEXTS[sender](place));
