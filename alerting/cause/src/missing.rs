//! Telemetry that would have helped and was not there. It lowers confidence and is said.

use crate::scene::Scene;
use crate::window::Side;
use model::Bilingual;

/// Fewer traces on a side carry no statistic.
const TRACES_MIN: usize = 10;

pub(crate) fn of(scene: &Scene<'_>) -> Vec<Bilingual> {
    let records = &scene.case.records;
    let traces = |wanted: Side| {
        scene.trees.traces.iter().filter(|trace| scene.side(scene.trees.start(trace)) == Some(wanted)).count()
    };
    let logs = records.logs.iter().any(|log| scene.side(log.time) == Some(Side::Current));
    let points =
        records.series.iter().flat_map(|series| &series.points).any(|point| scene.side(point.0) == Some(Side::Current));
    let mut missing = Vec::new();
    let mut say = |condition: bool, en: &str, zh: &str| {
        if condition {
            missing.push(Bilingual::new(en, zh));
        }
    };
    let (current, reference) = (traces(Side::Current), traces(Side::Reference));
    say(current == 0, "there are no traces of this time", "该时段没有调用链数据");
    say(
        current > 0 && current < TRACES_MIN,
        "there are too few traces of this time to compare rates",
        "该时段调用链过少，无法比较比率",
    );
    say(
        current > 0 && reference < TRACES_MIN,
        "there are too few traces of a healthy time to compare with",
        "缺少可供对比的健康时段调用链",
    );
    say(!logs, "there are no logs of this time", "该时段没有日志数据");
    say(!points, "there are no metrics of this time", "该时段没有指标数据");
    let left_out = records.left_out();
    if left_out.trace_halvings > 0 {
        let share = 1_u64.checked_shl(left_out.trace_halvings).unwrap_or(u64::MAX);
        missing.push(Bilingual::new(
            format!("there was too much to look at: one trace of {share} was"),
            format!("数据量过大：每 {share} 条调用链只分析了 1 条"),
        ));
    }
    if left_out.series_halvings > 0 {
        let share = 1_u64.checked_shl(left_out.series_halvings).unwrap_or(u64::MAX);
        missing.push(Bilingual::new(
            format!("there were too many series to look at: one of {share} was"),
            format!("指标序列过多：每 {share} 个只分析了 1 个"),
        ));
    }
    if left_out.unreadable > 0 {
        missing.push(Bilingual::new(
            format!("{} rows had no readable id or value", left_out.unreadable),
            format!("{} 行数据的标识或数值无法识别", left_out.unreadable),
        ));
    }
    missing
}
