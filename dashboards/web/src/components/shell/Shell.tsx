// The frame around every page: navigation, search, the window of time, theme and language, and the news that
// the server is away or wants somebody to sign in.
import { ActionIcon, Button, Drawer, Menu, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useRouterState } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useSession, useSignIn, useStanding } from "../../api/session";
import { useKeys } from "../../base/keys";
import { language, locale, speak } from "../../base/language";
import { Go, useGo } from "../Go";
import { Icon, type IconName } from "../Icon";
import { TimeRange } from "../TimeRange";
import { FirstPath } from "./FirstPath";
import { KeyHelp } from "./KeyHelp";
import { Search } from "./Search";
import { SignInGate } from "./SignIn";
import style from "./Shell.module.css";
import { useShellWords } from "./words";

export interface NavEntry {
  path: string;
  name: string;
  icon: IconName;
  group: string;
}

function Logo() {
  return (
    <Go to="/" className={style.logo}>
      <img src="/favicon.svg" width={24} height={24} alt="" />
      <span>
        Stormglass<span className={style.logoZh}>风暴瓶</span>
      </span>
    </Go>
  );
}

function Navigation({ entries, onGo }: { entries: NavEntry[]; onGo?: () => void }) {
  const w = useShellWords();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const groups = [...new Set(entries.map((entry) => entry.group))];
  const isHere = (to: string): boolean => (to === "/" ? path === "/" || path.startsWith("/services") : path === to || path.startsWith(`${to}/`));
  return (
    <nav aria-label={w("menu")}>
      {groups.map((group) => (
        <div key={group} className={style.group}>
          <div className={style.groupName}>{w(group as "observe")}</div>
          {entries
            .filter((entry) => entry.group === group)
            .map((entry) => (
              <Go key={entry.path} to={entry.path} className={style.entry} onClick={onGo} aria-current={isHere(entry.path) ? "page" : undefined}>
                <Icon name={entry.icon} size={17} />
                {w(entry.name as "map")}
              </Go>
            ))}
        </div>
      ))}
    </nav>
  );
}

function Appearance() {
  const w = useShellWords();
  const scheme = useComputedColorScheme("light");
  const { setColorScheme } = useMantineColorScheme();
  const session = useSession().data;
  const { signOut } = useSignIn();
  return (
    <div className="row" style={{ gap: 4, flexWrap: "nowrap" }}>
      <Button size="compact-sm" variant="subtle" color="gray" onClick={() => speak(language() === "en" ? "zh" : "en")} lang={language() === "en" ? "zh-CN" : "en"}>
        {w("language")}
      </Button>
      <Tooltip label={w("theme")} withArrow>
        <ActionIcon variant="subtle" color="gray" onClick={() => setColorScheme(scheme === "dark" ? "light" : "dark")} aria-label={w("theme")}>
          <Icon name={scheme === "dark" ? "sun" : "moon"} />
        </ActionIcon>
      </Tooltip>
      {session?.user && (
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={session.user}>
              <Icon name="person" />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>
              {session.user} · {session.role}
            </Menu.Label>
            <Menu.Item onClick={() => void signOut()}>{w("signOut")}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
    </div>
  );
}

/** `g` and then a letter goes to a page. */
function useGoKeys(): void {
  const go = useGo();
  const pressed = useRef(0);
  const to = (path: string) => () => {
    if (Date.now() - pressed.current < 1200) go(path);
  };
  useKeys({
    g: () => {
      pressed.current = Date.now();
    },
    o: to("/"),
    m: to("/map"),
    i: to("/incidents"),
  });
}

export function Shell({ entries, children }: { entries: NavEntry[]; children: ReactNode }) {
  const w = useShellWords();
  const [menu, setMenu] = useState(false);
  const { reachable, expired } = useStanding();
  useGoKeys();
  useEffect(() => {
    document.documentElement.lang = locale();
  });
  return (
    <div className={style.shell}>
      <a href="#content" className={style.skip}>
        {w("skip")}
      </a>
      <aside className={style.side}>
        <Logo />
        <Navigation entries={entries} />
      </aside>
      <header className={style.bar}>
        <ActionIcon className={style.burger} variant="subtle" color="gray" size="lg" onClick={() => setMenu(true)} aria-label={w("menu")}>
          <Icon name="menu" size={20} />
        </ActionIcon>
        <Search />
        <div className={style.tools}>
          <TimeRange />
          <span className={style.appearance}>
            <Appearance />
          </span>
        </div>
      </header>
      <main id="content" className={style.main} tabIndex={-1}>
        {!reachable && (
          <div className={style.away} role="alert">
            <Icon name="connect" /> {w("away")}
          </div>
        )}
        <FirstPath />
        {children}
      </main>
      <Drawer opened={menu} onClose={() => setMenu(false)} size={250} title={<Logo />} lockScroll={false} closeButtonProps={{ "aria-label": w("menu") }}>
        <Navigation entries={entries} onGo={() => setMenu(false)} />
        <Appearance />
      </Drawer>
      <KeyHelp />
      <SignInGate expired={expired} />
    </div>
  );
}
