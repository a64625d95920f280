//! Verdicts on changes, in words.

use super::difference::Difference;
use super::subject::Subject;
use incident::ChangeVerdict;
use model::{Bilingual, Entity, UnixNanos};

/// Why a change is what it is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Outcome {
    Unreleased,
    Inert,
    /// It came after it had begun.
    After,
    /// Neither the cause nor anything that what suffers depends on.
    Elsewhere,
    /// The cause needs no change.
    NoChangeNeeded(Entity),
    /// Nothing of its target began to differ after it.
    NothingBegan,
    /// New and old instances are alike.
    Alike(Difference),
    /// It may have done it.
    Fits {
        after_ns: i64,
        words: Vec<String>,
        difference: Option<Difference>,
    },
}

pub(super) fn told(subject: &Subject<'_>, score: f64, outcome: &Outcome, convicted: bool) -> ChangeVerdict {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let change = subject.change;
    let commit = subject.commit.unwrap_or(change);
    let title = if commit.title.is_empty() { &change.title } else { &commit.title };
    let author = if commit.author.is_empty() { &change.author } else { &commit.author };
    ChangeVerdict {
        id: change.id.clone(),
        time: change.time,
        kind: change.kind.clone(),
        target: change.target.clone(),
        version: text(&change.version),
        previous_version: text(&change.previous_version),
        author: text(author),
        title: text(title),
        suspect: convicted,
        score,
        reason: reason(&change.target, outcome, convicted),
    }
}

fn reason(target: &str, outcome: &Outcome, convicted: bool) -> Bilingual {
    match outcome {
        Outcome::Unreleased => Bilingual::new("cleared: no release has brought it out", "排除：尚未发布"),
        Outcome::Inert => {
            Bilingual::new("cleared: it touches nothing that a running service reads", "排除：未触及任何运行时内容")
        }
        Outcome::After => Bilingual::new("cleared: it came after it had begun", "排除：发生在故障开始之后"),
        Outcome::Elsewhere => Bilingual::new(
            "cleared: what suffers does not depend on what it changed",
            "排除：受影响的服务不依赖变更对象",
        ),
        Outcome::NoChangeNeeded(cause) => Bilingual::new(
            format!("cleared: {} accounts for it without any change", cause.name),
            format!("排除：{} 本身即可解释，无需变更", cause.name),
        ),
        Outcome::NothingBegan => Bilingual::new(
            format!("cleared: nothing of {target} began to differ after it"),
            format!("排除：变更后 {target} 没有出现新的异常"),
        ),
        Outcome::Alike(difference) => {
            Bilingual::new(format!("cleared: {}", difference.text().en), format!("排除：{}", difference.text().zh))
        }
        Outcome::Fits { after_ns, words, difference } => {
            fitting(target, *after_ns, words, difference.as_ref(), convicted)
        }
    }
}

fn fitting(
    target: &str,
    after_ns: i64,
    words: &[String],
    difference: Option<&Difference>,
    convicted: bool,
) -> Bilingual {
    const WORDS_SHOWN: usize = 5;
    let (after, after_zh) = after_it(after_ns);
    let words = words[..words.len().min(WORDS_SHOWN)].join(", ");
    let (mut en, mut zh) = if convicted {
        (format!("{target} began to differ {after}"), format!("变更后{after_zh}，{target} 开始异常"))
    } else {
        (
            format!("not the best explanation: {target} began to differ {after}"),
            format!("不是最佳解释：变更后{after_zh}，{target} 开始异常"),
        )
    };
    if !words.is_empty() {
        en.push_str(&format!("; it touches what is seen failing ({words})"));
        zh.push_str(&format!("；它触及了异常内容（{words}）"));
    }
    if let Some(difference) = difference {
        en.push_str(&format!("; {}", difference.text().en));
        zh.push_str(&format!("；{}", difference.text().zh));
    }
    Bilingual::new(en, zh)
}

/// How long after a change it began, as people say it: the stretch in which it was found is seconds long.
fn after_it(after_ns: i64) -> (String, String) {
    match after_ns / UnixNanos::SECOND {
        ..=0 => ("at once after it".into(), "立刻".into()),
        seconds @ 1..120 => (format!("{seconds} s after it"), format!(" {seconds} 秒")),
        seconds @ 120..7200 => (format!("{} min after it", seconds / 60), format!(" {} 分钟", seconds / 60)),
        seconds => (format!("{} h after it", seconds / 3600), format!(" {} 小时", seconds / 3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_after_a_change_is_said_as_people_say_it() {
        let cases = [
            (0, "order began to differ at once after it", "变更后立刻，order 开始异常"),
            (-5, "order began to differ at once after it", "变更后立刻，order 开始异常"),
            (2_310_000_000, "order began to differ 2 s after it", "变更后 2 秒，order 开始异常"),
            (291 * UnixNanos::SECOND, "order began to differ 4 min after it", "变更后 4 分钟，order 开始异常"),
            (9_000 * UnixNanos::SECOND, "order began to differ 2 h after it", "变更后 2 小时，order 开始异常"),
        ];
        for (after_ns, en, zh) in cases {
            assert_eq!(fitting("order", after_ns, &[], None, true), Bilingual::new(en, zh));
        }
    }
}
