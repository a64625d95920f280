//! New instances against old ones of the same service at the same time: the strongest test while a
//! release is partly out, because whatever else goes on hits both.

use crate::scene::Scene;
use crate::statistic::{Rate, likelihood_ratio, quantile, sorted};
use crate::tell::percent;
use crate::window::Side;
use model::{Bilingual, Entity};

/// Fewer invocations on a side tell nothing.
const SPANS_MIN: f64 = 20.0;
/// Nats from which on new and old differ.
const DIFFERS_NATS: f64 = 5.0;

/// Whether a span counts as bad.
type Hit<'a> = &'a dyn Fn(&crate::records::Span) -> bool;

/// How new and old compare.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Difference {
    /// Shares that failed, or that were slower than nearly all of the old.
    new: f64,
    old: f64,
    failing: bool,
    pub(super) worse: bool,
}

/// Compares spans of a version with those of all others, where both are out in the current window.
pub(super) fn of(scene: &Scene<'_>, target: &Entity, version: &str) -> Option<Difference> {
    let version = scene.names.find(version).filter(|version| !version.is_none())?;
    let service = scene.names.find(&target.name)?;
    let of_service = |span: &&crate::records::Span| {
        span.service == service
            && !span.version.is_none()
            && !span.kind.leaves()
            && scene.side(span.start) == Some(Side::Current)
    };
    let spans: Vec<&crate::records::Span> = scene.trees.spans.iter().filter(of_service).collect();
    let old = sorted(spans.iter().filter(|span| span.version != version).map(|span| span.duration as f64).collect());
    let slow = 1.5 * quantile(&old, 0.95);
    let rate = |new: bool, hit: Hit<'_>| {
        let of = spans.iter().filter(|span| (span.version == version) == new);
        let (hits, all) = of.fold((0, 0), |(hits, all), span| (hits + u32::from(hit(span)), all + 1));
        Rate::new(hits, all)
    };
    let tests: [(bool, Hit<'_>); 2] = [(true, &|span| span.failed), (false, &|span| span.duration as f64 > slow)];
    let compare = |(failing, hit): (bool, Hit<'_>)| {
        let (new, old) = (rate(true, hit), rate(false, hit));
        let nats = if new.share() > old.share() { likelihood_ratio(old, new) } else { 0.0 };
        (new.of >= SPANS_MIN && old.of >= SPANS_MIN)
            .then(|| (nats, Difference { new: new.share(), old: old.share(), failing, worse: nats >= DIFFERS_NATS }))
    };
    tests.into_iter().filter_map(compare).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, difference)| difference)
}

impl Difference {
    pub(super) fn text(&self) -> Bilingual {
        let (new, old) = (percent(self.new), percent(self.old));
        let (en, zh) = if self.failing { ("failed", "失败") } else { ("were slow", "变慢") };
        Bilingual::new(
            format!("of the new version's invocations {new} {en}, of the old one's at the same time {old}"),
            format!("新版本的调用 {new} {zh}，同一时间旧版本为 {old}"),
        )
    }
}
