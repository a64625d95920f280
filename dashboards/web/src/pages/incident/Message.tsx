// What a group is told of the incident, in the words and the order of the message itself.
import { Button } from "@mantine/core";
import { useRead } from "../../api/read";
import { useAddress } from "../../base/address";
import { locale, useLanguage } from "../../base/language";
import { Answered } from "../../components/Answered";
import { Copy } from "../../components/Copy";
import { Panel } from "../../components/Panel";
import style from "./incident.module.css";
import { useIncidentWords } from "./words";

export function Message({ id }: { id: string }) {
  const w = useIncidentWords();
  useLanguage();
  const [search, change] = useAddress();
  const shown = !!search.message;
  const language = locale() === "zh-CN" ? "zh-CN" : "en";
  const told = useRead("/api/v1/incidents/{id}/message", { place: { id }, query: { language }, when: shown, every: 10_000 });
  if (!shown) return null;
  return (
    <Panel
      title={w("message")}
      about={w("messageAbout")}
      actions={
        <>
          {told.data && <Copy text={`${told.data.title}\n${told.data.text}`} />}
          <Button size="compact-xs" variant="subtle" color="gray" onClick={() => change({ message: null })}>
            {w("close")}
          </Button>
        </>
      }
    >
      <Answered of={told} lines={6}>
        {(data) => (
          <article className={style.message}>
            <strong className="wrap">{data.title}</strong>
            {data.text.split("\n").map((line, at) => (
              <p key={at} className="wrap">
                {line}
              </p>
            ))}
          </article>
        )}
      </Answered>
    </Panel>
  );
}
