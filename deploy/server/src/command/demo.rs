//! `stormglass demo`: the server, and a retail company that sends live telemetry to it.

use super::remote::Server;
use super::serve::settings_over;
use crate::cli::{Demo, Remote};
use crate::settings::{Input, duration};
use crate::telemetry::{complain, say};
use crate::wiring::Addresses;
use crate::{Failure, Outcome, app};
use access::{Access, Grant};
use anyhow::Context;
use demo::{Company, Counters, Faults, Totals};
use futures::FutureExt;
use model::{Clock, SystemClock};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often the status is shown on a terminal, and where nobody watches.
const STATUS_EVERY: Duration = Duration::from_secs(2);
const STATUS_EVERY_UNWATCHED: Duration = Duration::from_secs(10);
/// How long after the last acknowledgement everything must be found.
const SETTLE_MAX: Duration = Duration::from_secs(20);
/// Whoever has mended a fault of the demo wants to be told soon that it is over: what ends here stays ended.
const KEEP_FIRING: &str = "20s";

pub(super) fn run(args: Demo) -> Outcome {
    let plan = Plan::read(&args)?;
    let settings = settings_over(vec![("alerting.keep_firing", Input::Text(KEEP_FIRING.into()))], &args.local, None)?;
    if settings.tls.is_some() {
        return Err(Failure::Usage(vec![
            "the company of the demo speaks plain text to loopback: leave tls.cert and tls.key away".into(),
        ]));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let faults = Faults::new(Arc::clone(&clock));
    plan.check(&faults)?;
    let (verdict, told) = std::sync::mpsc::sync_channel(1);
    let (ours, token) = (faults.clone(), args.token);
    let work: app::Work = Box::new(move |addresses, access| {
        async move {
            let lived = match admitted(token, &access).await {
                Ok(token) => live(addresses, plan, ours, clock, token).await,
                Err(error) => Err(error),
            };
            // The receiver outlives this, and there is room for one.
            let _ = verdict.send(lived);
        }
        .boxed()
    });
    app::serve(settings, args.local.config, Some(app::Guest { faults, work }))?;
    // Nothing told: it was interrupted, which is how a demo usually ends.
    told.try_recv().unwrap_or(Ok(()))?;
    Ok(())
}

/// What was asked for on the command line.
#[derive(Clone, Debug)]
struct Plan {
    speed: f64,
    seed: u64,
    history: Duration,
    lasts: Option<Duration>,
    faults: Vec<String>,
    fault_after: Duration,
    fault_for: Option<Duration>,
}

impl Plan {
    fn read(args: &Demo) -> Result<Self, Failure> {
        let read = |flag: &str, text: &str| {
            duration(text).ok_or_else(|| Failure::Usage(vec![format!("{flag} {text:?}: write it as 60s or 10m")]))
        };
        if !(args.speed > 0.0 && args.speed <= 1000.0) {
            return Err(Failure::Usage(vec![format!("--speed {}: a number above 0, up to 1000", args.speed)]));
        }
        Ok(Self {
            speed: args.speed,
            seed: args.seed,
            history: read("--history", &args.history)?,
            lasts: args.duration.as_deref().map(|text| read("--for", text)).transpose()?,
            faults: args.faults.clone(),
            fault_after: read("--fault-after", &args.fault_after)?,
            fault_for: args.fault_for.as_deref().map(|text| read("--fault-for", text)).transpose()?,
        })
    }

    /// Refuses names that are none before anything is started.
    fn check(&self, faults: &Faults) -> Result<(), Failure> {
        let wrong = |name: &String| faults.stop(name).err().map(|error| format!("--fault: {error}"));
        let wrong: Vec<String> = self.faults.iter().filter_map(wrong).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Failure::Usage(wrong)) }
    }

    /// Trades until the time is over, and breaks meanwhile what was asked for.
    async fn pass(self, faults: Faults) {
        let broken = async {
            tokio::time::sleep(self.fault_after).await;
            for name in &self.faults {
                match faults.start(name, self.fault_for) {
                    Ok(fault) => say(&format!("broken on purpose: {} ({})", fault.title.en, fault.name)),
                    Err(error) => complain(&error.to_string()),
                }
            }
            std::future::pending::<()>().await;
        };
        let over = async {
            match self.lasts {
                Some(lasts) => tokio::time::sleep(lasts).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = broken => {}
            () = over => {}
        }
    }
}

/// The token that was given, or one of the company's own: it trades on when somebody makes the first user.
async fn admitted(token: Option<String>, access: &Access) -> anyhow::Result<String> {
    // An operator may tell what runs on what.
    let grants: Vec<Grant> =
        ["ingest", "operator"].into_iter().map(Grant::parse).collect::<Result<Vec<_>, _>>()?.concat();
    match token {
        Some(token) => Ok(token),
        None => Ok(access.guest("demo", &grants).await?),
    }
}

/// Runs the company, shows what becomes of its telemetry, and at the end compares.
async fn live(
    addresses: Addresses,
    plan: Plan,
    faults: Faults,
    clock: Arc<dyn Clock>,
    token: String,
) -> anyhow::Result<()> {
    let company = Company::new(
        demo::Settings {
            seed: plan.seed,
            speed: plan.speed,
            history: plan.history,
            otlp_http: format!("http://{}", addresses.otlp_http),
            otlp_grpc: format!("http://{}", addresses.otlp_grpc),
            http: format!("http://{}", addresses.http),
            token: Some(token.clone()),
        },
        faults.clone(),
        clock,
    );
    let url = format!("http://{}", addresses.http);
    let server = Server::new(&Remote { url: url.clone(), token: Some(token) })?;
    greet(&url);
    let mut watch = Watch { server, counters: company.counters(), before: Found::default(), at: Instant::now() };
    watch.before = watch.found().await?;
    let trading = company.run(plan.pass(faults.clone()));
    let mut trading = std::pin::pin!(trading);
    let every = if std::io::stdout().is_terminal() { STATUS_EVERY } else { STATUS_EVERY_UNWATCHED };
    let mut tick = tokio::time::interval(every);
    let mut last = Totals::default();
    tick.tick().await;
    loop {
        tokio::select! {
            () = &mut trading => break,
            _ = tick.tick() => last = watch.show(last, every).await,
        }
    }
    score(&faults).await;
    watch.settle().await
}

/// How the product did, where something was broken.
async fn score(faults: &Faults) {
    match faults.scorecard().await {
        Ok(card) if card.items.is_empty() => {}
        Ok(card) => {
            for item in &card.items {
                let shown = item
                    .shown
                    .as_ref()
                    .and_then(|shown| Some(format!("{} {}", shown.entity.as_ref()?, shown.kind.as_ref()?)));
                let seconds = |ns: Option<i64>| ns.map_or_else(|| "-".into(), |ns| format!("{:.0} s", ns as f64 / 1e9));
                say(&format!(
                    "{:<16} {:<13} shown: {}; detected {}, located {}, recovered {}",
                    item.fault,
                    item.verdict.as_str(),
                    shown.unwrap_or_else(|| "nothing".into()),
                    seconds(item.clocks.detect_ns),
                    seconds(item.clocks.locate_ns),
                    seconds(item.clocks.recover_ns),
                ));
            }
            say(&format!("{} of {} right, {} incidents unexplained", card.right, card.judged, card.unexplained));
        }
        Err(error) => complain(&format!("no scorecard: {error}")),
    }
}

/// What a stranger reads first: where to look, and how to break something.
fn greet(url: &str) {
    say(&format!(
        "\n  A bubble-tea company is trading. Look at it, and break something:\n\n      \
         {url}\n\n  \
         The line at the top of each page leads the way: break something, read the one message,\n  \
         see the cause and who was hurt, follow one order, check the verdict.\n\n  \
         From a terminal:\n      \
         curl -X POST {url}/api/v1/demo/faults/connection_pool\n      \
         stormglass sql \"SELECT service, count(*) AS errors FROM spans WHERE status = 'error' GROUP BY 1\" --url {url}\n\n  \
         All faults: {url}/api/v1/demo/faults    All calls: {url}/api/v1/openapi.json\n  \
         Ctrl-C ends it; what was taken in stays.\n"
    ));
}

struct Watch {
    server: Server,
    counters: Arc<Counters>,
    /// What was there before the company opened.
    before: Found,
    at: Instant,
}

/// Items over all three signals, as the server tells them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Found {
    /// By its ledger.
    received: u64,
    stored: u64,
    /// By counting rows.
    queryable: u64,
}

impl Watch {
    async fn found(&self) -> anyhow::Result<Found> {
        let sql = "SELECT (SELECT CAST(coalesce(sum(received), 0) AS BIGINT) FROM ledger), \
                   (SELECT CAST(coalesce(sum(stored), 0) AS BIGINT) FROM ledger), \
                   (SELECT count(*) FROM spans) + (SELECT count(*) FROM logs) + (SELECT count(*) FROM metrics)";
        let rows = self.server.rows(sql).await?;
        let number = |at: usize| rows.first().and_then(|row| row.get(at)?.as_u64()).context("a count is no number");
        let found = Found { received: number(0)?, stored: number(1)?, queryable: number(2)? };
        Ok(Found {
            received: found.received.saturating_sub(self.before.received),
            stored: found.stored.saturating_sub(self.before.stored),
            queryable: found.queryable.saturating_sub(self.before.queryable),
        })
    }

    /// Bytes under `parquet/` per span that is in them.
    async fn bytes_per_span(&self) -> Option<f64> {
        let parts = self.server.answer(self.server.get("/api/v1/parts?table=spans")).await.ok()?;
        let parts: serde_json::Value = parts.json().await.ok()?;
        let sum = |field: &str| {
            parts["items"].as_array().map(|items| items.iter().filter_map(|p| p[field].as_u64()).sum::<u64>())
        };
        let (bytes, rows) = (sum("bytes")?, sum("rows")?);
        (rows > 0).then(|| bytes as f64 / rows as f64)
    }

    /// One line: the way of the telemetry, its pace, its size.
    async fn show(&self, last: Totals, every: Duration) -> Totals {
        let acked = self.counters.totals();
        let found = match self.found().await {
            Ok(Found { received, stored, queryable }) => {
                format!("received {received} = stored {stored} = queryable {queryable}")
            }
            Err(error) => format!("received ? ({error:#})"),
        };
        let pace = acked.acked_spans.saturating_sub(last.acked_spans) as f64 / every.as_secs_f64();
        let size = self.bytes_per_span().await.map_or_else(|| "in memory".into(), |bytes| format!("{bytes:.1} B/span"));
        say(&format!(
            "{:>5} s   {found}   refused {}   {pace:.0} spans/s   {size}",
            self.at.elapsed().as_secs(),
            acked.refused + acked.dropped,
        ));
        acked
    }

    /// All that was acknowledged must be found, no more and no less.
    async fn settle(&self) -> anyhow::Result<()> {
        let acked = self.counters.totals().acked();
        let all = Found { received: acked, stored: acked, queryable: acked };
        let until = Instant::now() + SETTLE_MAX;
        let mut found = Found::default();
        while Instant::now() < until {
            found = self.found().await?;
            if found == all {
                say(&format!("sent and acknowledged {acked} = received = stored = queryable"));
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        complain("the counts differ: other senders may have sent to this server too");
        let Found { received, stored, queryable } = found;
        anyhow::bail!("acknowledged {acked}, received {received}, stored {stored}, queryable {queryable}")
    }
}
