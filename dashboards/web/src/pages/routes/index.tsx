// Who is told of what: receivers with test buttons, the tree of routes, a trial, and the delivery ledger.
import { PageHead } from "../../components/Panel";
import { Deliveries } from "./Deliveries";
import { Receivers } from "./Receivers";
import { Routes, Try } from "./Tree";
import { useRouteWords } from "./words";

export default function RoutesPage() {
  const w = useRouteWords();
  return (
    <>
      <PageHead title={w("title")} about={w("about")} />
      <div className="columns">
        <Receivers />
        <div className="stack">
          <Routes />
          <Try />
        </div>
      </div>
      <Deliveries />
    </>
  );
}
