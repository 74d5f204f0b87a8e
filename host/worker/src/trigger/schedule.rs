//! Times of day. Which times there were is read from the journal, so a worker that starts knows what it missed, and of two
//! workers one accepts each time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Direction;
use wasmill_journal::{JournalError, NewEvent};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::{Missed, Overlap};
use wasmill_runtime::plan::{SchedulePlan, ScheduledObject};

use super::Intake;
use crate::clock;

/// The most missed times that are run.
const MOST_MISSED: usize = 1000;

/// The longest sleep: a clock that is set meanwhile is seen after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How long to wait after the journal did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Accepts an event at each time, for as long as it is polled.
pub async fn keep(plan: SchedulePlan, intake: Intake) {
    let trigger = format!("schedule {}", plan.id);
    let mut after = loop {
        match intake.journal.last_of(&trigger).await {
            Ok(last) => break last.unwrap_or_else(clock::now),
            Err(err) => {
                intake.metrics.journal_failed(&err);
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    let mut missed = plan.missed;
    loop {
        let now = clock::now();
        let due = passed(&plan, after, now, missed);
        for time in due {
            while let Err(err) = accept(&plan, &trigger, time, &intake).await {
                intake.metrics.journal_failed(&err);
                tokio::time::sleep(PAUSE).await;
            }
        }
        after = after.max(now);
        // Of times that pass while this sleeps none is missed.
        missed = Missed::All;
        let next = at(&plan, after).and_then(|after| plan.cron.find_next_occurrence(&after, false).ok());
        let wait = next.map_or(i64::MAX, |next| next.timestamp_micros().saturating_sub(clock::now()).max(0));
        tokio::time::sleep(Duration::from_micros(wait.unsigned_abs()).min(LONGEST_SLEEP)).await;
    }
}

/// The times after `after` until `now` that are run.
fn passed(plan: &SchedulePlan, after: i64, now: i64, missed: Missed) -> Vec<i64> {
    let (Some(start), Some(end)) = (at(plan, after), at(plan, now)) else { return Vec::new() };
    match missed {
        Missed::Skip => Vec::new(),
        // Backwards from now, so that a long time away does not take long.
        Missed::Last | Missed::All => {
            let most = if missed == Missed::Last { 1 } else { MOST_MISSED };
            let mut times: Vec<i64> = plan
                .cron
                .iter_before(end)
                .take_while(|time| *time > start)
                .take(most)
                .map(|time| time.timestamp_micros())
                .collect();
            times.reverse();
            times
        }
    }
}

fn at(plan: &SchedulePlan, time: i64) -> Option<DateTime<chrono_tz::Tz>> {
    Some(DateTime::<Utc>::from_timestamp_micros(time)?.with_timezone(&plan.timezone))
}

async fn accept(plan: &SchedulePlan, trigger: &str, time: i64, intake: &Intake) -> Result<(), JournalError> {
    if plan.overlap == Overlap::Skip && intake.journal.is_busy(trigger).await? {
        tracing::warn!("{trigger}: the run before is not over, so this one is left out");
        return Ok(());
    }
    let Some(event) = event(plan, trigger, time) else { return Ok(()) };
    intake.accept(event, "schedule").await.map(drop)
}

/// The events of the times from `since` on, before `until`, of which there are at most so many.
pub fn between(plan: &SchedulePlan, since: i64, until: i64, most: usize) -> Vec<NewEvent> {
    let (Some(start), Some(end)) = (at(plan, since), at(plan, until)) else { return Vec::new() };
    let times = plan.cron.iter_from(start, Direction::Forward).take_while(|time| *time < end).take(most);
    let trigger = format!("backfill of schedule {}", plan.id);
    times.filter_map(|time| event(plan, &trigger, time.timestamp_micros())).collect()
}

/// The event of a time.
fn event(plan: &SchedulePlan, trigger: &str, time: i64) -> Option<NewEvent> {
    let local = at(plan, time)?;
    let utc = local.with_timezone(&Utc).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let object = match &plan.object {
        None => Object::Bytes(Arc::from(format!("{{\"scheduled\":\"{utc}\"}}\n").into_bytes())),
        Some(ScheduledObject { store, path }) => store.join(&local.format(path).to_string())?.expected(),
    };
    let id = EventId::from(format!("{}@{utc}", plan.id));
    Some(NewEvent { id, generation: 0, trigger: trigger.to_owned(), time, object, trace: None })
}

#[cfg(test)]
mod tests {
    use wasmill_runtime::manifest::Id;

    use super::*;

    fn plan(cron: &str, timezone: &str) -> SchedulePlan {
        SchedulePlan {
            id: Id::try_from("daily".to_owned()).unwrap(),
            cron: cron.parse().unwrap(),
            timezone: timezone.parse().unwrap(),
            missed: Missed::Last,
            overlap: Overlap::Queue,
            object: None,
        }
    }

    fn micros(time: &str) -> i64 {
        DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros()
    }

    #[test]
    fn missed_times_are_run_as_declared() {
        let plan = plan("0 6 * * *", "UTC");
        let (after, now) = (micros("2026-03-01T06:00:00Z"), micros("2026-03-04T07:00:00Z"));
        let all: Vec<i64> = ["2026-03-02T06:00:00Z", "2026-03-03T06:00:00Z", "2026-03-04T06:00:00Z"].map(micros).into();
        assert_eq!(passed(&plan, after, now, Missed::All), all);
        assert_eq!(passed(&plan, after, now, Missed::Last), all[2..]);
        assert_eq!(passed(&plan, after, now, Missed::Skip), Vec::<i64>::new());
        assert_eq!(passed(&plan, all[2], now, Missed::All), Vec::<i64>::new());
    }

    #[test]
    fn times_are_those_of_the_zone() {
        // New York's clocks go forward at 2 o'clock on 8 March 2026.
        let plan = plan("30 6 * * *", "America/New_York");
        let (after, now) = (micros("2026-03-07T00:00:00Z"), micros("2026-03-10T00:00:00Z"));
        let all: Vec<i64> = ["2026-03-07T11:30:00Z", "2026-03-08T10:30:00Z", "2026-03-09T10:30:00Z"].map(micros).into();
        assert_eq!(passed(&plan, after, now, Missed::All), all);
    }
}
