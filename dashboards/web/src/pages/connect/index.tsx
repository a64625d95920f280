// Connecting a service: choose what sends, copy one text, and see here when its first span has come, or why not.
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useMemo, useRef, useState } from "react";
import { refusals, useOwnMetrics } from "../../api/own";
import { useRead } from "../../api/read";
import { useSession } from "../../api/session";
import type { Account } from "../../api/types";
import { useAddressText } from "../../base/address";
import { count } from "../../base/format";
import { phrases } from "../../base/language";
import { mapHref, serviceHref, tracesHref } from "../../base/links";
import { SENDERS, type Sender, addressOf, safeName, snippet } from "../../base/snippets";
import { Answered, TroubleNote } from "../../components/Answered";
import { Copy } from "../../components/Copy";
import { Go } from "../../components/Go";
import { Icon } from "../../components/Icon";
import { PageHead, Panel } from "../../components/Panel";
import { Tag } from "../../components/Tag";
import style from "./connect.module.css";

const useWords = phrases("connect", {
  title: ["Connect a service", "接入服务"],
  about: ["Any OpenTelemetry SDK or Collector, unchanged. Nothing is sampled, nothing is declared beforehand.", "任何 OpenTelemetry SDK 或 Collector 均可直接接入，不采样、无需预先配置。"],
  step1: ["1. What sends", "1. 选择数据来源"],
  step2: ["2. Copy this", "2. 复制并执行"],
  step3: ["3. Wait for the first span", "3. 等待首个 span"],
  java: ["Java", "Java"],
  go: ["Go", "Go"],
  python: ["Python", "Python"],
  node: ["Node.js", "Node.js"],
  collector: ["Collector", "Collector"],
  prometheus: ["Prometheus", "Prometheus"],
  curl: ["Just try: curl", "先试试：curl"],
  service: ["Name of the service", "服务名"],
  address: ["Address of this server, as seen by the service", "服务器地址（从服务所在机器访问）"],
  ports: ["OTLP over HTTP is taken at this page's own address. Ports 4318 (HTTP) and 4317 (gRPC) take it too, unless configured otherwise.", "本页面地址即可接收 OTLP HTTP；默认还监听 4318（HTTP）与 4317（gRPC）。"],
  loopback: ["Only senders on this machine reach this address. For others, set listen.http to an address of the network, with a token.", "此地址仅本机可达。其他机器接入需将 listen.http 配置为网络地址并启用令牌。"],
  waitingMetrics: ["Nothing from {{service}} yet: a scrape takes up to a minute. This page looks every 2 seconds.", "尚未收到 {{service}} 的数据：抓取最长需要一分钟，每 2 秒自动检查。"],
  needsToken: ["This server wants a token from senders. Make one, and put it in place of YOUR_TOKEN.", "此服务器要求令牌，请创建后替换 YOUR_TOKEN。"],
  tokenCommand: ["stormglass token create --name my-service --scope ingest", "stormglass token create --name my-service --scope ingest"],
  waiting: ["Nothing from {{service}} yet. This page looks every 2 seconds.", "尚未收到 {{service}} 的数据，每 2 秒自动检查。"],
  arrived: ["{{service}} is connected", "{{service}} 已接入"],
  arrivedAbout: ["What it sent is stored and can be asked about.", "数据已存储并可查询。"],
  others: ["New senders since this page was opened", "打开本页后的新来源"],
  refused: ["Refused since this page was opened", "打开本页后被拒收"],
  none: ["nothing yet", "暂无"],
  received: ["received", "接收"],
  stored: ["stored", "存储"],
  queryable: ["queryable", "可查"],
  openService: ["Its page", "服务详情"],
  openMap: ["On the map", "服务地图"],
  openTraces: ["Its traces", "链路"],
  unauthenticated: ["No valid token: set OTEL_EXPORTER_OTLP_HEADERS.", "没有有效令牌：请设置 OTEL_EXPORTER_OTLP_HEADERS。"],
  forbidden: ["The token may not send this signal.", "令牌没有上报此类数据的权限。"],
  not_found: ["A wrong path: the endpoint ends before /v1/traces, SDKs add that themselves.", "路径错误：endpoint 不要带 /v1/traces，SDK 会自动添加。"],
  method: ["Not a POST.", "请求方法不是 POST。"],
  unsupported_type: ["The content type is neither protobuf nor JSON.", "内容类型不是 protobuf 或 JSON。"],
  unsupported_encoding: ["Compressed by something other than gzip or zstd.", "压缩方式不是 gzip 或 zstd。"],
  too_large: ["A message too large: let the sender batch less.", "消息过大：请减小批次。"],
  malformed: ["What came is no OTLP message: is HTTP sent to the gRPC port, or the other way?", "不是合法的 OTLP 消息：HTTP 与 gRPC 端口是否用反？"],
  too_slow: ["The message came too slowly.", "消息传输过慢。"],
  aborted: ["The sender broke off.", "发送方中断。"],
  busy: ["The server was busy and asked to send again.", "服务器繁忙，已要求重发。"],
  internal: ["The server failed: see its log.", "服务器内部错误，请查看日志。"],
});

const LOOK_MS = 2_000;
const LOOPBACK = /^https?:\/\/(127\.|localhost|\[::1\])/;

function useNewcomers(accounts: Account[] | undefined): Account[] {
  const before = useRef<Set<string> | null>(null);
  if (accounts && before.current === null) before.current = new Set(accounts.map((account) => account.sender));
  return (accounts ?? []).filter((account) => before.current && !before.current.has(account.sender));
}

function useRefused(): [string, number][] {
  const metrics = useOwnMetrics(LOOK_MS);
  const before = useRef<Record<string, number> | null>(null);
  const now = metrics.data ? refusals(metrics.data) : null;
  if (now && before.current === null) before.current = now;
  return Object.entries(now ?? {})
    .map(([reason, number]): [string, number] => [reason, number - (before.current?.[reason] ?? 0)])
    .filter(([, number]) => number > 0);
}

function Counts({ of }: { of: Account[] }) {
  const w = useWords();
  return (
    <ul className={style.accounts}>
      {of.map((account) => (
        <li key={account.sender + account.signal} className="row">
          <Tag tone="info">{account.signal}</Tag>
          <span className="wrap">{account.sender}</span>
          <span className="num dim">
            {w("received")} {count(account.received)} · {w("stored")} {count(account.stored)} · {w("queryable")} {count(account.queryable)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Arrival({ service, sender }: { service: string; sender: Sender }) {
  const w = useWords();
  const ledger = useRead("/api/v1/ledger", { every: LOOK_MS });
  const accounts = ledger.data?.items;
  const newcomers = useNewcomers(accounts);
  const refused = useRefused();
  const mine = (accounts ?? []).filter((account) => account.service === service && account.queryable > 0);
  const others = newcomers.filter((account) => account.service !== service);
  return (
    <Answered of={ledger}>
      {() => (
        <div className="stack">
          {mine.length > 0 ? (
            <div className={style.arrived} role="status">
              <Icon name="check" size={22} />
              <div className="grow">
                <strong>{w("arrived", { service })}</strong>
                <div>{w("arrivedAbout")}</div>
                <Counts of={mine} />
                <div className="row">
                  <Go to={serviceHref(service)}>{w("openService")}</Go>
                  <Go to={mapHref({ node: `service:${service}` })}>{w("openMap")}</Go>
                  <Go to={tracesHref({ service })}>{w("openTraces")}</Go>
                </div>
              </div>
            </div>
          ) : (
            <div className={style.waiting} role="status">
              <span className={style.dot} aria-hidden="true" />
              {w(sender === "prometheus" ? "waitingMetrics" : "waiting", { service })}
            </div>
          )}
          {others.length > 0 && (
            <div>
              <h3>{w("others")}</h3>
              <Counts of={others.slice(0, 10)} />
            </div>
          )}
          {refused.length > 0 && (
            <div className={style.refused}>
              <h3>{w("refused")}</h3>
              <ul className={style.accounts}>
                {refused.map(([reason, number]) => (
                  <li key={reason}>
                    <strong className="num">{count(number)}</strong> <span className="mono">{reason}</span>: {w(reason as "malformed")}
                  </li>
                ))}
              </ul>
            </div>
          )}
        </div>
      )}
    </Answered>
  );
}

export default function Connect() {
  const w = useWords();
  const session = useSession();
  const [sender, setSender] = useAddressText("sender", "java");
  const [service, setService] = useAddressText("service", "my-service");
  const [typed, setTyped] = useState(window.location.origin);
  const name = safeName(service);
  const chosen: Sender = SENDERS.find((known) => known === sender) ?? "java";
  const [made, setMade] = useState(Date.now);
  const address = addressOf(typed, window.location.origin);
  const place = { address, service: name, token: session.data ? !session.data.open : false };
  const text = useMemo(() => snippet(chosen, place, made), [chosen, address, name, place.token, made]);
  return (
    <>
      <PageHead title={w("title")} about={w("about")} />
      <Panel title={w("step1")}>
        <div className="stack">
          <SegmentedControl value={chosen} onChange={setSender} data={SENDERS.map((value) => ({ value, label: w(value) }))} className={style.senders} aria-label={w("step1")} />
          <div className="columns">
            <TextInput label={w("service")} value={service} onChange={(event) => setService(event.currentTarget.value)} />
            <TextInput label={w("address")} description={LOOPBACK.test(address) ? `${w("ports")} ${w("loopback")}` : w("ports")} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} inputWrapperOrder={["label", "input", "description"]} />
          </div>
        </div>
      </Panel>
      <Panel
        title={w("step2")}
        about={<span className="mono">{address}</span>}
        actions={
          <>
            {chosen === "curl" && (
              <Button size="compact-sm" variant="subtle" onClick={() => setMade(Date.now())} aria-label="curl">
                <Icon name="refresh" size={14} />
              </Button>
            )}
            <Copy text={text} label={w("step2").replace(/^\d\.\s*/, "")} />
          </>
        }
      >
        <pre className={style.snippet} tabIndex={0}>
          {text}
        </pre>
        {place.token && (
          <p>
            {w("needsToken")} <code className="mono">{w("tokenCommand")}</code>
          </p>
        )}
        {session.error && <TroubleNote error={session.error} />}
      </Panel>
      <Panel title={w("step3")}>
        <Arrival service={name} sender={chosen} />
      </Panel>
    </>
  );
}
