// What the keyboard can do, shown by `?`.
import { Kbd, Modal } from "@mantine/core";
import { useState } from "react";
import { useKeys } from "../../base/keys";
import { useShellWords } from "./words";

export function KeyHelp() {
  const w = useShellWords();
  const [opened, setOpened] = useState(false);
  useKeys({ "?": () => setOpened(true) });
  const lines: [string[], Parameters<typeof w>[0]][] = [
    [["/"], "keySearch"],
    [["j", "k"], "keyWalk"],
    [["Enter"], "keyOpen"],
    [["Esc"], "keyClose"],
    [["g o", "g m", "g i"], "keyGo"],
    [["?"], "keyHelp"],
  ];
  return (
    <Modal opened={opened} onClose={() => setOpened(false)} title={w("help")} size="sm" lockScroll={false}>
      <table>
        <tbody>
          {lines.map(([keys, key]) => (
            <tr key={key}>
              <td style={{ padding: "4px 18px 4px 0" }}>
                <span className="row" style={{ gap: 4 }}>
                  {keys.map((name) => (
                    <Kbd key={name}>{name}</Kbd>
                  ))}
                </span>
              </td>
              <td>{w(key)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}
