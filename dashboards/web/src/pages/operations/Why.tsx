// Why a step belongs to the story, in the person's language: the strongest reason, the others on demand.
import { percent } from "../../base/format";
import { language, useLanguage } from "../../base/language";
import style from "./Steps.module.css";
import { reasons } from "./story";
import { useStoryWords } from "./words";

/** From here on a step is taken as sure and the figure is not said. */
const SURE = 0.99;

/** The server's reasons are English; each form has its Chinese. */
const FORMS: [RegExp, string][] = [
  [/^handles it in a batch: /, "批量处理："],
  [/^bears request id (.+)$/, "带有请求 ID $1"],
  [/^bears (\S+) (.+)$/, "带有 $1 $2"],
  [/^in a trace that bears request id (.+)$/, "所在链路带有请求 ID $1"],
  [/^in a trace that bears (\S+) (.+)$/, "所在链路带有 $1 $2"],
  [/^contains work for it, and for others$/, "包含它及其他对象的处理"],
  [/^in the trace that was asked for$/, "属于所查链路"],
  [/^a span link joins the traces$/, "span 链接关联了链路"],
  [/^trace id (\S+) stands in its attributes or text$/, "其属性或正文中出现链路 ID $1"],
  [/^the same message (.+)$/, "同一条消息 $1"],
  [/^the same operation (.+)$/, "同一操作 $1"],
  [/^the same request id (.+?), (at the same time|.+ apart)$/, "请求 ID 相同：$1，$2"],
  [/^the same (\S+) (.+?), (at the same time|.+ apart)$/, "$1 相同：$2，$3"],
  [/^the same (\S+) (.+)$/, "$1 相同：$2"],
  [/^although another (.+)$/, "但 $1 不同"],
  [/^goes on from the value that (.+) had$/, "延续了 $1 之前的值"],
  [/^although not from the value that (.+) had$/, "但未延续 $1 之前的值"],
  [/^although (.+) begins anew$/, "但 $1 重新开始"],
  [/^heartbeat of the job (.+), which took part$/, "参与其中的任务 $1 的心跳"],
  [/^the incident that alerts of the story belong to$/, "相关告警所属的故障"],
  [/^of (?:\w+:)?(.+), which took part$/, "$1 参与其中"],
  [/^it stood since (.+)$/, "始于$1"],
  [/^(.+) took part, and was changed (.+)$/, "$1 参与其中，并且$2发生变更"],
];
const PARTS: [RegExp, string][] = [
  [/at the same time/, "同一时刻"],
  [/([\d.]+) s apart/, "相隔 $1 秒"],
  [/([\d.]+) min apart/, "相隔 $1 分钟"],
  [/([\d.]+) h apart/, "相隔 $1 小时"],
  [/([\d.]+) d apart/, "相隔 $1 天"],
  [/([\d.]+) min before the story/, "在此前 $1 分钟"],
  [/during the story/, "在此期间"],
];

export function inChinese(reason: string): string {
  const form = FORMS.find(([pattern]) => pattern.test(reason));
  const said = form ? reason.replace(form[0], form[1]) : reason;
  if (form?.[1] === "批量处理：") return `批量处理：${inChinese(reason.replace(form[0], ""))}`;
  return PARTS.reduce((text, [pattern, words]) => text.replace(pattern, words), said);
}

interface WhyProps {
  why: string;
  confidence: number;
  source: string;
  /** The step before has the same reasons: they are said once. */
  repeated: boolean;
}

export function Why({ why, confidence, source, repeated }: WhyProps) {
  const w = useStoryWords();
  useLanguage();
  const all = reasons(why).map((reason) => (language() === "zh" ? inChinese(reason) : reason));
  return (
    <details className={style.why} data-repeated={repeated || undefined}>
      <summary>
        <span className={repeated ? "said-only" : "wrap"}>{repeated ? w("sameWhy") : all[0]}</span>
        {!repeated && all.length > 1 && <span className="dim"> +{all.length - 1}</span>}
        {!repeated && confidence < SURE && <span className={style.unsure}> · {w("sure", { share: percent(confidence) })}</span>}
      </summary>
      <ul>
        {all.slice(repeated ? 0 : 1).map((reason) => (
          <li key={reason} className="wrap">
            {reason}
          </li>
        ))}
        <li className="dim">{w("from", { source })}</li>
      </ul>
    </details>
  );
}
