// Puts a text on the clipboard and says so.
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { useState } from "react";
import { phrases } from "../base/language";
import { Icon } from "./Icon";

const useWords = phrases("copy", { copy: ["Copy", "复制"], copied: ["Copied", "已复制"] });

/** Browsers give the clipboard only to safe origins; a server on the local network over http is none. */
async function put(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const w = useWords();
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void put(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    });
  };
  const icon = <Icon name={copied ? "check" : "copy"} size={14} />;
  if (label) {
    return (
      <Button size="compact-sm" variant="default" leftSection={icon} onClick={copy}>
        {copied ? w("copied") : label}
      </Button>
    );
  }
  return (
    <Tooltip label={copied ? w("copied") : w("copy")} withArrow>
      <ActionIcon variant="subtle" color="gray" size="sm" onClick={copy} aria-label={w("copy")}>
        {icon}
      </ActionIcon>
    </Tooltip>
  );
}
