//! Events of another pipeline that ended, read from its journal.
//!
//! What ended is offered to this pipeline's own journal, which knows what it has. So little has to be remembered: after a start
//! the other journal is read from a while before the last event that was accepted from it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;
use wasmill_journal::history::Ended;
use wasmill_journal::{Journal, NewEvent, Sequence};
use wasmill_runtime::event::{EventId, Object};
use wasmill_runtime::manifest::ChainedObject;
use wasmill_runtime::plan::ChainPlan;

use super::Intake;

/// How often the other journal is read.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// How far it is read again, in microseconds: what ends at once on several workers, whose clocks differ, is recorded in any
/// order.
const OVERLAP: i64 = 60 * 1_000_000;

/// The most events that are read at once.
const PAGE: u32 = 256;

/// Accepts an event for each that ends in the other pipeline, for as long as it is polled.
pub async fn follow(plan: ChainPlan, intake: Intake) {
    let trigger = format!("pipeline {}", plan.pipeline);
    let mut since = loop {
        match intake.journal.last_accepted(&trigger).await {
            Ok(last) => break last.map_or(0, |last| last.saturating_sub(OVERLAP)),
            Err(err) => {
                intake.metrics.journal_failed(&err);
                tokio::time::sleep(READ_AGAIN).await;
            }
        }
    };
    let mut other: Option<Journal> = None;
    let mut is_said = false;
    loop {
        let opened = match other.take() {
            Some(journal) => Ok(journal),
            None => Journal::open_existing(&plan.journal, &plan.pipeline),
        };
        let read = match &opened {
            Ok(journal) => pass_on(&plan, &trigger, journal, since, &intake).await,
            Err(err) => Err(err.to_string()),
        };
        other = opened.ok();
        match read {
            Ok(last) => {
                since = since.max(last.saturating_sub(OVERLAP));
                is_said = false;
            }
            // It may be there only once the other pipeline was up.
            Err(err) => {
                if !is_said {
                    tracing::warn!("{trigger}: {err}; trying again");
                }
                is_said = true;
                other = None;
            }
        }
        tokio::time::sleep(READ_AGAIN).await;
    }
}

/// Accepts what ended since; when the last of it did.
async fn pass_on(plan: &ChainPlan, trigger: &str, other: &Journal, since: i64, intake: &Intake) -> Result<i64, String> {
    let (mut since, mut after) = (since, Sequence::NONE);
    loop {
        let page = other.ended(since, after, PAGE).await.map_err(|err| err.to_string())?;
        let Some(last) = page.last() else { return Ok(since) };
        (since, after) = (last.at, last.sequence);
        for ended in page {
            let is_wanted = if ended.outcome == "done" { plan.on_done } else { plan.on_dead };
            if is_wanted {
                intake.accept(event(plan, trigger, ended), "pipeline").await.map_err(|err| {
                    intake.metrics.journal_failed(&err);
                    err.to_string()
                })?;
            }
        }
    }
}

/// The event that an end is for this pipeline. One that was replayed ends anew, by another attempt.
fn event(plan: &ChainPlan, trigger: &str, ended: Ended) -> NewEvent {
    let Ended { id, generation, attempt, outcome, at, time, object, trace, reason, report, .. } = ended;
    let name = format!("{}/{id}.{generation}.{attempt}", plan.pipeline);
    let (time, object) = match plan.object {
        ChainedObject::Same => (time, object),
        ChainedObject::Report => {
            let report = report.and_then(|report| RawValue::from_string(report).ok());
            let line = json!({
                "pipeline": plan.pipeline,
                "event": id,
                "attempt": attempt,
                "outcome": outcome,
                "reason": reason,
                "report": report,
            });
            (at, Object::Bytes(Arc::from(format!("{line}\n").into_bytes())))
        }
    };
    NewEvent { id: EventId::from(name), generation: 0, trigger: trigger.to_owned(), time, object, trace }
}
