// The name of a thing that has a page: its kind as a small word, then the name. Names are telemetry: text only.
import { entity, entityHref } from "../base/links";
import { phrases } from "../base/language";
import { Go } from "./Go";
import style from "./EntityLink.module.css";

export const useKindWords = phrases("entity", {
  service: ["service", "服务"],
  operation: ["operation", "接口"],
  instance: ["instance", "实例"],
  host: ["host", "主机"],
  node: ["node", "节点"],
  pod: ["pod", "Pod"],
  site: ["site", "站点"],
  device: ["device", "网络设备"],
  database: ["database", "数据库"],
  cache: ["cache", "缓存"],
  queue: ["queue", "消息队列"],
  third_party: ["third party", "第三方"],
  change: ["change", "变更"],
  region: ["region", "区域"],
  traffic: ["traffic", "流量"],
});

/** The word for a kind; one we have no word for is shown as it is. */
export function useKind(): (kind: string) => string {
  const w = useKindWords();
  return (kind) => {
    const word = w(kind as never);
    return word === kind ? kind.replaceAll("_", " ") : word;
  };
}

export function EntityLink({ of, kind: shown = true }: { of: string; kind?: boolean }) {
  const word = useKind();
  const { kind, name } = entity(of);
  const body = (
    <>
      {shown && <span className={style.kind}>{word(kind)}</span>}
      <span className="wrap">{name}</span>
    </>
  );
  if (kind === "change" || kind === "traffic" || kind === "region") return <span className={style.entity}>{body}</span>;
  return (
    <Go to={entityHref(of)} className={style.entity}>
      {body}
    </Go>
  );
}
