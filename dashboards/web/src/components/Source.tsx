// "Show the SQL, copy as curl": where what is shown comes from, to be asked again elsewhere.
import { Button, Popover } from "@mantine/core";
import { curl } from "../api/client";
import { phrases } from "../base/language";
import { sqlHref } from "../base/links";
import { Copy } from "./Copy";
import { Go } from "./Go";
import { Icon } from "./Icon";
import style from "./Source.module.css";

const useWords = phrases("source", {
  show: ["SQL / curl", "SQL / curl"],
  sql: ["The same by SQL", "等价 SQL"],
  curl: ["The same in a terminal", "终端命令"],
  open: ["Open in the SQL page", "在 SQL 页打开"],
  copySql: ["Copy SQL", "复制 SQL"],
  copyCurl: ["Copy curl", "复制 curl"],
});

export function Source({ sql, url }: { sql?: string; url?: string }) {
  const w = useWords();
  const command = url ? curl(url) : sql ? curl("/api/v1/sql", "POST", { sql }) : "";
  return (
    <Popover position="bottom-end" shadow="md" width="min(560px, 92vw)" withinPortal trapFocus>
      <Popover.Target>
        <Button className={style.button} size="compact-xs" variant="subtle" color="gray" leftSection={<Icon name="code" size={13} />}>
          {w("show")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className="stack">
          {sql && (
            <div>
              <h3>{w("sql")}</h3>
              <pre className={style.text}>{sql}</pre>
              <div className="row">
                <Copy text={sql} label={w("copySql")} />
                <Go to={sqlHref(sql)}>{w("open")}</Go>
              </div>
            </div>
          )}
          {command && (
            <div>
              <h3>{w("curl")}</h3>
              <pre className={style.text}>{command}</pre>
              <Copy text={command} label={w("copyCurl")} />
            </div>
          )}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
