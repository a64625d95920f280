// What happened to an order, a request, a person's coupon: one box, one story. For people who answer customers.
import { Button, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { address, readJson } from "../../api/client";
import { firstPage } from "../../api/pages";
import { type Meaning, type Story, useMeanings } from "../../api/stories";
import { useAddress } from "../../base/address";
import { storySql } from "../../base/sameInSql";
import { Answered, Empty, TroubleNote } from "../../components/Answered";
import { Icon } from "../../components/Icon";
import { PageHead, Panel } from "../../components/Panel";
import style from "./operations.module.css";
import { Start } from "./Start";
import { Told } from "./Told";
import { useStoryWords } from "./words";

const STEPS_PER_PAGE = 1_000;
/** All that says which story is told. */
const CLEARED = { key: null, value: null, request_id: null, trace_id: null, q: null, near: null };

interface Asked {
  key?: string;
  value?: string;
  request_id?: string;
  trace_id?: string;
}

const asked = ({ key }: Meaning, text: string): Asked =>
  key === "request_id" ? { request_id: text } : key === "trace_id" ? { trace_id: text.toLowerCase() } : { key, value: text };

function Ask({ text, onAsk }: { text: string; onAsk: (text: string) => void }) {
  const w = useStoryWords();
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  return (
    <form
      className={style.ask}
      role="search"
      aria-label={w("title")}
      onSubmit={(event) => {
        event.preventDefault();
        onAsk(typed.trim());
      }}
    >
      <TextInput
        size="md"
        leftSection={<Icon name="search" size={17} />}
        placeholder={w("placeholder")}
        aria-label={w("placeholder")}
        value={typed}
        autoFocus={text === ""}
        spellCheck={false}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Button size="md" type="submit" disabled={typed.trim() === ""}>
        {w("ask")}
      </Button>
    </form>
  );
}

function Understood({ text, chosen, found, onChoose }: { text: string; chosen: string; found: Meaning[]; onChoose: (meaning: Meaning) => void }) {
  const w = useStoryWords();
  return (
    <div className={style.chips}>
      <span className="dim">{w("understood")}</span>
      {found.map((meaning) => (
        <Button key={meaning.key} size="compact-sm" variant={meaning.key === chosen ? "light" : "default"} onClick={() => onChoose(meaning)}>
          {w(meaning.key as "order.id")} {text}
        </Button>
      ))}
    </div>
  );
}

/** The key and value that a story was asked by. */
const namedBy = (of: Asked): [key: string, value: string] => ("key" in of ? [of.key, of.value] : "request_id" in of ? ["request_id", of.request_id] : ["trace_id", of.trace_id]) as [string, string];

function StoryOf({ of }: { of: Asked }) {
  const w = useStoryWords();
  const [search] = useAddress();
  const marks = Object.fromEntries(Object.entries(search).filter(([key]) => key.startsWith("attr.")));
  const url = (cursor?: string): string => address("/api/v1/operations", { ...of, ...marks, near: search.near, limit: STEPS_PER_PAGE, cursor });
  const answer = useInfiniteQuery({
    queryKey: ["story", url()],
    queryFn: ({ pageParam, signal }) => readJson<Story>(url(pageParam), signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const story = useMemo(() => {
    const pages = answer.data?.pages;
    return pages?.[0] ? { ...pages[0], items: pages.flatMap(({ items }) => items) } : undefined;
  }, [answer.data]);
  return (
    <Answered of={firstPage(answer)} isEmpty={() => story?.items.length === 0} missing={{ title: w("none"), about: w("noneAbout") }} lines={10}>
      {() => story && <Told story={story} url={url()} sql={storySql(...namedBy(of))} more={answer.hasNextPage ? () => void answer.fetchNextPage() : undefined} loading={answer.isFetchingNextPage} />}
    </Answered>
  );
}

export default function Operations() {
  const w = useStoryWords();
  const [search, change] = useAddress();
  const explicit: Asked | null =
    search.key && search.value
      ? { key: search.key, value: search.value }
      : search.request_id
        ? { request_id: search.request_id }
        : search.trace_id
          ? { trace_id: search.trace_id }
          : null;
  const text = search.q ?? "";
  const found = useMeanings(text, !explicit);
  const guess = !explicit && text ? (found.data?.find(({ key }) => key === search.as) ?? found.data?.[0]) : undefined;
  const story = explicit ?? (guess ? asked(guess, text) : null);
  const marks = Object.fromEntries(Object.keys(search).filter((key) => key.startsWith("attr.")).map((key) => [key, null]));
  const ask = (typed: string): void => {
    const pair = /^([\w.-]+)\s*=\s*(.+)$/.exec(typed);
    change({ ...CLEARED, ...marks, as: null, technical: null, ...(pair ? { key: pair[1], value: pair[2] } : { q: typed }) }, "push");
  };
  const shown = search.key && search.value ? `${search.key}=${search.value}` : (search.request_id ?? search.trace_id ?? text);
  return (
    <>
      <PageHead title={w("title")} about={w("about")} />
      <Ask text={shown} onAsk={ask} />
      {!explicit && text && found.isPending && <p className="dim">{w("searching")}</p>}
      {!explicit && text && found.error && <TroubleNote error={found.error} again={() => void found.refetch()} />}
      {!explicit && text && found.data?.length === 0 && (
        <Panel>
          <Empty title={w("unknown", { text })} about={w("unknownAbout")} />
        </Panel>
      )}
      {guess && found.data && found.data.length > 0 && (
        <Understood text={text} chosen={guess.key} found={found.data} onChoose={(meaning) => change({ as: meaning.key, near: null }, "push")} />
      )}
      {story ? <StoryOf of={story} /> : !text && <Start />}
    </>
  );
}
