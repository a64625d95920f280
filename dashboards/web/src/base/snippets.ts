// How each kind of sender is pointed at this server: one text to be copied, with the host filled in.

export const SENDERS = ["java", "go", "python", "node", "collector", "prometheus", "curl"] as const;
export type Sender = (typeof SENDERS)[number];

export interface Place {
  host: string;
  /** Where the UI and the API are. */
  origin: string;
  service: string;
  /** Whether senders must show a token. */
  token: boolean;
}

const HTTP_PORT = 4318;
const GRPC_PORT = 4317;

/** An IPv6 address stands in brackets in an address. */
const bracket = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);

/** A port that was written with the host is meant for OTLP over HTTP. */
const withPort = (host: string): boolean => /^(\[[^\]]+\]|[^:]+):\d{1,5}$/.test(host);
export const endpoint = (place: Place): string => (withPort(place.host) ? `http://${place.host}` : `http://${bracket(place.host)}:${HTTP_PORT}`);

/** Collectors speak gRPC, but to the port that was written. */
const exporter = (place: Place): [name: string, endpoint: string] =>
  withPort(place.host) ? ["otlp_http", endpoint(place)] : ["otlp_grpc", `${bracket(place.host)}:${GRPC_PORT}`];

function collector(place: Place): string {
  const [kind, target] = exporter(place);
  return `exporters:
  ${kind}/stormglass:
    endpoint: ${target}
    tls: { insecure: true }${header(place, "    ")}

service:
  pipelines:
    traces:  { receivers: [otlp], exporters: [${kind}/stormglass] }
    metrics: { receivers: [otlp], exporters: [${kind}/stormglass] }
    logs:    { receivers: [otlp], exporters: [${kind}/stormglass] }`;
}

/** Names become part of commands: what a shell would read differently is taken out. */
export const safeName = (text: string): string => text.replace(/[^\p{L}\p{N}._-]/gu, "-").slice(0, 100) || "my-service";

function environment(place: Place): string {
  const token = place.token ? `\nexport OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer YOUR_TOKEN"` : "";
  return `export OTEL_SERVICE_NAME=${place.service}\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint(place)}${token}`;
}

const header = (place: Place, indent: string): string => (place.token ? `\n${indent}headers: { authorization: "Bearer YOUR_TOKEN" }` : "");

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
  return `curl -X POST ${endpoint(place)}/v1/traces -H 'content-type: application/json'${token} \\\n  -d '${JSON.stringify(body)}'`;
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
  prometheus: (place) => `remote_write:
  - url: ${place.origin}/prometheus/api/v1/write${place.token ? `\n    authorization: { credentials: YOUR_TOKEN }` : ""}

alerting:
  alertmanagers:
    - path_prefix: /alertmanager
      static_configs: [{ targets: ["${place.origin.replace(/^https?:\/\//, "")}"] }]`,
};

export const snippet = (sender: Sender, place: Place, now: number): string => (sender === "curl" ? curlSpan(place, now) : TEXTS[sender](place));
