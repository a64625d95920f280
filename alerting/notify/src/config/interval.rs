//! Times of the week that have a name: working hours, nights, holidays.
//!
//! Invariant: an interval that passes midnight belongs to the day on which it begins.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use model::UnixNanos;
use serde::{Deserialize, Serialize};

/// The zone that texts and intervals are in unless they name another.
pub const TIME_ZONE: &str = "Asia/Shanghai";

/// A named set of times, as it is written. An empty list does not restrict.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Interval {
    pub name: String,
    /// `Asia/Shanghai`; absent: the configuration's.
    pub time_zone: Option<String>,
    /// `monday` or `monday..friday`
    pub weekdays: Vec<String>,
    /// `22:00..08:00`
    pub times: Vec<String>,
    /// `2026-10-01` or `2026-10-01..2026-10-07`
    pub dates: Vec<String>,
}

/// A checked interval.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    zone: TimeZone,
    weekdays: Vec<Weekday>,
    times: Vec<(Time, Time)>,
    dates: Vec<(Date, Date)>,
}

impl Hours {
    /// # Errors
    /// What is wrong and what would be right.
    pub(crate) fn check(written: &Interval, default_zone: &str) -> Result<Self, String> {
        let zone = zone(written.time_zone.as_deref().unwrap_or(default_zone))?;
        let weekdays = written.weekdays.iter().map(|text| weekdays(text)).collect::<Result<Vec<_>, _>>()?.concat();
        let times = written.times.iter().map(|text| range(text, time)).collect::<Result<Vec<_>, _>>()?;
        let dates = written.dates.iter().map(|text| range(text, date)).collect::<Result<Vec<_>, _>>()?;
        if let Some((from, to)) = dates.iter().find(|(from, to)| from > to) {
            return Err(format!("{from}..{to} ends before it begins"));
        }
        Ok(Self { zone, weekdays, times, dates })
    }

    /// Whether an instant lies in it.
    pub(crate) fn holds(&self, now: UnixNanos) -> bool {
        let Ok(instant) = Timestamp::from_nanosecond(i128::from(now.0)) else { return false };
        let local = instant.to_zoned(self.zone.clone());
        let (today, at) = (local.date(), local.time());
        if self.times.is_empty() {
            return self.has_day(today);
        }
        self.times.iter().any(|(from, until)| {
            if from < until {
                return *from <= at && at < *until && self.has_day(today);
            }
            // Past midnight: the day on which it began counts.
            (at >= *from && self.has_day(today))
                || (at < *until && today.yesterday().is_ok_and(|began| self.has_day(began)))
        })
    }

    fn has_day(&self, day: Date) -> bool {
        (self.weekdays.is_empty() || self.weekdays.contains(&day.weekday()))
            && (self.dates.is_empty() || self.dates.iter().any(|(from, to)| *from <= day && day <= *to))
    }
}

/// A time zone by its name. A machine without the database of zones still knows the default one and UTC.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).or_else(|_| match name {
        TIME_ZONE => Ok(TimeZone::fixed(Offset::constant(8))),
        "UTC" => Ok(TimeZone::UTC),
        _ => Err(format!("the time zone `{name}` is not known: write one like {TIME_ZONE} or Europe/Berlin")),
    })
}

fn range<T: Copy>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<(T, T), String> {
    match text.split_once("..") {
        Some((from, to)) => Ok((read(from.trim())?, read(to.trim())?)),
        None => read(text.trim()).map(|one| (one, one)),
    }
}

fn time(text: &str) -> Result<Time, String> {
    let wrong = || format!("`{text}` is no time of day: write 22:00..08:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    // 24:00 is midnight, as people write it.
    let hour: i8 = hour.parse::<i8>().map_err(|_| wrong())?;
    let minute: i8 = minute.parse::<i8>().map_err(|_| wrong())?;
    let hour = if hour == 24 && minute == 0 { 0 } else { hour };
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

fn date(text: &str) -> Result<Date, String> {
    text.parse::<Date>().map_err(|_| format!("`{text}` is no date: write 2026-10-01 or 2026-10-01..2026-10-07"))
}

const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

fn weekdays(text: &str) -> Result<Vec<Weekday>, String> {
    let index = |name: &str| {
        DAYS.iter()
            .position(|(day, _)| day.eq_ignore_ascii_case(name))
            .ok_or_else(|| format!("`{name}` is no weekday: write monday or monday..friday"))
    };
    let (from, to) = range(text, index)?;
    let days = (to + 7 - from) % 7;
    Ok((0..=days).map(|n| DAYS[(from + n) % 7].1).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    fn at(text: &str) -> UnixNanos {
        UnixNanos(text.parse::<Timestamp>().unwrap().as_nanosecond() as i64)
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = Interval {
            weekdays: vec!["monday..friday".into()],
            times: vec!["22:00..08:00".into()],
            ..Interval::default()
        };
        let night = Hours::check(&night, TIME_ZONE).unwrap();
        for (instant, holds, why) in [
            ("2026-11-20T22:30:00+08:00", true, "Friday night"),
            ("2026-11-21T07:59:59+08:00", true, "Saturday morning belongs to Friday's night"),
            ("2026-11-21T08:00:00+08:00", false, "the end is outside"),
            ("2026-11-21T23:00:00+08:00", false, "Saturday night"),
            ("2026-11-23T07:00:00+08:00", false, "Monday morning belongs to Sunday's night"),
            ("2026-11-20T14:30:00Z", true, "22:30 in Shanghai"),
        ] {
            assert_eq!(night.holds(at(instant)), holds, "{why}");
        }
    }

    #[test]
    fn days_may_pass_the_end_of_the_week_and_dates_are_whole_days() {
        let days = Interval {
            weekdays: vec!["saturday..sunday".into()],
            dates: vec!["2026-11-01..2026-11-22".into()],
            ..Interval::default()
        };
        let days = Hours::check(&days, "UTC").unwrap();
        assert!(days.holds(at("2026-11-22T23:59:59Z")));
        assert!(!days.holds(at("2026-11-28T12:00:00Z")));
        assert_eq!(weekdays("friday..monday").unwrap().len(), 4);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_would_be_right() {
        for (interval, says) in [
            (Interval { times: vec!["22-8".into()], ..Interval::default() }, "22:00..08:00"),
            (Interval { times: vec!["25:00..26:00".into()], ..Interval::default() }, "no time of day"),
            (Interval { weekdays: vec!["mon".into()], ..Interval::default() }, "monday..friday"),
            (Interval { dates: vec!["2026-10-07..2026-10-01".into()], ..Interval::default() }, "before it begins"),
            (Interval { time_zone: Some("Mars/Base".into()), ..Interval::default() }, "Asia/Shanghai"),
        ] {
            let error = Hours::check(&interval, TIME_ZONE).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
