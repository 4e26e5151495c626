//! What a deployment does next, as tables.

use super::*;
use crate::domain::{
    change::Identity,
    deployment::{
        fixture,
        gate::ReleaseGate,
        order::{Order, Test},
        parameters::TestMeans,
        record::Turn,
        release::{ReleaseStep, Strategy},
    },
    ledger::Verdict::{Error, Fail, NoData, Pass},
};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn ana() -> Identity {
    Identity { name: "Ana".into(), email: "ana@example.com".into() }
}

fn order(production: bool, strategy: Strategy) -> Order {
    let tests = if production { Vec::new() } else { vec![Test::Integration] };
    Order { tests, ..fixture::order(production, strategy, &[("p", 0)]) }
}

fn canary() -> DeploymentRecord {
    DeploymentRecord::new("DEP-1".into(), order(true, Strategy::Canary { weights: vec![5] }), at(0), ana())
}

fn leg(stage: Stage) -> Leg {
    match stage {
        Stage::Gates
        | Stage::Schedule
        | Stage::Precheck
        | Stage::Watch
        | Stage::Incident
        | Stage::Quarantine
        | Stage::Settle => Leg::all(stage),
        _ => Leg::of(stage, &"p".into()),
    }
}

fn judge(record: &mut DeploymentRecord, stage: Stage, verdict: Verdict, second: i64) {
    let leg = leg(stage);
    let turn = Turn::Judged { leg: &leg, verdict, detail: "seen", figures: None };
    record.apply(&turn, at(second), &ana()).unwrap();
}

fn begin(record: &mut DeploymentRecord, stage: Stage, holder: &str, second: i64) {
    let leg = leg(stage);
    let turn = Turn::Began { leg: &leg, holder, until: at(second + 120) };
    record.apply(&turn, at(second), &ana()).unwrap();
}

/// A canary at five per cent, ready, to be judged since second 10.
fn at_five() -> DeploymentRecord {
    let mut record = canary();
    judge(&mut record, Stage::Gates, Pass, 1);
    judge(&mut record, Stage::Precheck, Pass, 2);
    begin(&mut record, Stage::Step(ReleaseStep::Weight(5)), "a", 3);
    judge(&mut record, Stage::Step(ReleaseStep::Weight(5)), Pass, 4);
    judge(&mut record, Stage::Health(ReleaseStep::Weight(5)), Pass, 10);
    record
}

fn analysed(verdict: Verdict) -> Observations {
    let analysis = Analysis { verdict, detail: "errors".into(), figures: Figures::default() };
    Observations { holder: "a".into(), analysis: Some(analysis), ..Observations::default() }
}

fn status(status: RolloutStatus) -> Observations {
    Observations { holder: "a".into(), status: Some(Ok(status)), ..Observations::default() }
}

fn step(record: &DeploymentRecord, seen: &Observations, second: i64) -> Decision {
    next(record, seen, &Parameters::default(), at(second))
}

/// A decision in a word.
fn word(decision: &Decision) -> String {
    match decision {
        Decision::Wait { patience: Patience::Seconds, .. } => "look again".to_owned(),
        Decision::Wait { patience: Patience::Hours, .. } => "wait".to_owned(),
        Decision::Begin { leg, again: false } => format!("begin {}", leg.stage),
        Decision::Begin { leg, again: true } => format!("take over {}", leg.stage),
        Decision::Judge { leg, verdict, .. } => format!("{} {}", leg.stage, verdict.as_str()),
        Decision::Collect { failed: None, .. } => "collect passed".to_owned(),
        Decision::Collect { failed: Some(_), .. } => "collect failed".to_owned(),
        Decision::Hold { verdict, .. } => format!("hold {}", verdict.as_str()),
        Decision::Finish { ending, .. } => format!("finish {}", ending.as_str()),
        Decision::Over => "over".to_owned(),
    }
}

#[test]
fn gates_open_one_by_one_and_closed_ones_wait() {
    let gate = |gate, is_open| ReleaseGateStatus {
        gate,
        teams: Vec::new(),
        opened: None,
        is_open,
        detail: "x".into(),
    };
    let record = canary();
    for (gates, expected) in [
        (vec![], "wait"),
        (vec![gate(ReleaseGate::Staging, true), gate(ReleaseGate::Product, false)], "wait"),
        (vec![gate(ReleaseGate::Staging, true), gate(ReleaseGate::Product, true)], "gates pass"),
    ] {
        let seen = Observations { gates, ..Observations::default() };
        assert_eq!(word(&step(&record, &seen, 5)), expected);
    }
}

#[test]
fn a_precheck_that_is_not_good_asks_a_person() {
    let mut record = canary();
    judge(&mut record, Stage::Gates, Pass, 1);
    for (verdict, expected) in
        [(Pass, "precheck pass"), (Fail, "hold fail"), (NoData, "hold no data"), (Error, "hold error")]
    {
        let seen = Observations { checks: vec![Check::new("x", verdict, "y")], ..Observations::default() };
        assert_eq!(word(&step(&record, &seen, 5)), expected);
    }
    let empty = step(&record, &Observations::default(), 5);
    assert_eq!(word(&empty), "hold no data", "nothing checked is nothing known");
}

#[test]
fn a_step_is_sent_once_and_taken_over_when_its_claim_lapses() {
    let mut record = canary();
    judge(&mut record, Stage::Gates, Pass, 1);
    judge(&mut record, Stage::Precheck, Pass, 2);
    let going = || status(RolloutStatus::Progressing("1 of 3".into()));
    assert_eq!(word(&step(&record, &Observations::default(), 3)), "begin canary 5%");
    begin(&mut record, Stage::Step(ReleaseStep::Weight(5)), "a", 3);
    // Who sent it and got no answer looks, and then asks; it is not sent again.
    assert_eq!(word(&step(&record, &going(), 5)), "look again");
    assert_eq!(word(&step(&record, &going(), 123)), "hold error");
    // Somebody else waits for the claim to lapse, and takes over only what the cluster does not show.
    let other = Observations { holder: "b".into(), ..going() };
    assert_eq!(word(&step(&record, &other, 122)), "look again");
    assert_eq!(word(&step(&record, &other, 123)), "take over canary 5%");
    let done = Observations { holder: "b".into(), ..status(RolloutStatus::Complete("3 of 3".into())) };
    assert_eq!(word(&step(&record, &done, 5)), "canary 5% pass");
}

#[test]
fn health_has_its_time_and_what_is_not_seen_is_no_failure() {
    let mut record = canary();
    judge(&mut record, Stage::Gates, Pass, 1);
    judge(&mut record, Stage::Precheck, Pass, 2);
    begin(&mut record, Stage::Step(ReleaseStep::Weight(5)), "a", 3);
    judge(&mut record, Stage::Step(ReleaseStep::Weight(5)), Pass, 10);
    let stage = "health after canary 5%";
    let failed = |since: i64| Observations {
        failed_since: Some(at(since)),
        ..status(RolloutStatus::Failed("crash".into()))
    };
    let blind = Observations { status: Some(Err("refused".into())), ..Observations::default() };
    for (seen, second, expected) in [
        (status(RolloutStatus::Complete("3 of 3".into())), 11, format!("{stage} pass")),
        (status(RolloutStatus::Progressing("1 of 3".into())), 309, "look again".into()),
        (status(RolloutStatus::Progressing("1 of 3".into())), 310, format!("{stage} fail")),
        (failed(20), 24, "look again".into()),
        (failed(20), 25, format!("{stage} fail")),
        (blind.clone(), 309, "look again".into()),
        (blind, 310, "hold error".into()),
        (Observations::default(), 11, "look again".into()),
    ] {
        assert_eq!(word(&step(&record, &seen, second)), expected, "{seen:?} at {second}");
    }
}

#[test]
fn a_canary_is_judged_by_all_four_verdicts() {
    let record = at_five();
    let stage = "analysis at canary 5%";
    for (seen, second, expected) in [
        (analysed(Pass), 309, "look again".to_owned()),
        (analysed(Pass), 310, format!("{stage} pass")),
        // A failure does not wait for the end.
        (analysed(Fail), 20, format!("{stage} fail")),
        (analysed(NoData), 309, "look again".into()),
        (analysed(NoData), 310, "hold no data".into()),
        (analysed(Error), 310, "hold error".into()),
        (Observations::default(), 310, "look again".into()),
    ] {
        assert_eq!(word(&step(&record, &seen, second)), expected, "{seen:?} at {second}");
    }
}

#[test]
fn it_goes_back_in_every_phase_also_while_it_is_held() {
    let mut record = at_five();
    let turn = Turn::Held { reason: "too few requests", verdict: Some(NoData) };
    record.apply(&turn, at(310), &ana()).unwrap();
    assert_eq!(word(&step(&record, &analysed(NoData), 320)), "wait");
    assert_eq!(word(&step(&record, &analysed(Pass), 320)), "wait");
    assert_eq!(word(&step(&record, &analysed(Fail), 320)), "analysis at canary 5% fail");
    // A person who accepts what could not be judged lets it go on; one who does not has it judged anew.
    let mut accepted = record.clone();
    accepted
        .apply(&Turn::Continued { accept: true, note: None, commit: &"c".into() }, at(330), &ana())
        .unwrap();
    assert_eq!(word(&step(&accepted, &analysed(NoData), 331)), "begin promote");
    assert!(accepted.judged.last().unwrap().detail.starts_with("accepted by Ana"));
    record
        .apply(&Turn::Continued { accept: false, note: None, commit: &"c".into() }, at(330), &ana())
        .unwrap();
    assert_eq!(word(&step(&record, &analysed(NoData), 331)), "look again");
    assert_eq!(word(&step(&record, &analysed(Pass), 630)), "analysis at canary 5% pass");
    // While the next step begins, too.
    judge(&mut record, Stage::Analysis(ReleaseStep::Weight(5)), Pass, 630);
    assert_eq!(word(&step(&record, &analysed(Fail), 631)), "promote fail");
}

#[test]
fn what_failed_goes_back_and_draws_its_consequences() {
    let mut record = at_five();
    judge(&mut record, Stage::Analysis(ReleaseStep::Weight(5)), Fail, 40);
    let mut way = Vec::new();
    let mut second = 41;
    loop {
        let seen = Observations {
            is_settled: true,
            ..status(RolloutStatus::Complete("3 of 3 pods of 1.0.0".into()))
        };
        let decision = step(&record, &seen, second);
        way.push(word(&decision));
        match decision {
            Decision::Begin { leg, .. } => {
                let turn = Turn::Began { leg: &leg, holder: "a", until: at(second + 120) };
                record.apply(&turn, at(second), &ana()).unwrap();
                if matches!(leg.stage, Stage::Incident | Stage::Quarantine) {
                    judge(&mut record, leg.stage, Pass, second);
                }
            }
            Decision::Judge { leg, verdict, detail, .. } => {
                let turn = Turn::Judged { leg: &leg, verdict, detail: &detail, figures: None };
                record.apply(&turn, at(second), &ana()).unwrap();
            }
            Decision::Finish { ending, detail } => {
                record.apply(&Turn::Finished { ending, detail: &detail }, at(second), &ana()).unwrap();
                break;
            }
            other => panic!("{other:?}"),
        }
        second += 1;
    }
    assert_eq!(
        way,
        [
            "begin abort",
            "abort pass",
            "begin incident",
            "health after abort pass",
            "begin quarantine",
            "settle Git pass",
            "finish rolled back"
        ]
    );
    assert_eq!(word(&step(&record, &Observations::default(), 99)), "over");
    assert!(record.apply(&Turn::Cancelled { reason: "x" }, at(99), &ana()).is_err());
}

#[test]
fn a_way_back_that_fails_says_so_and_is_tried_again_or_accepted() {
    let mut record = at_five();
    judge(&mut record, Stage::Analysis(ReleaseStep::Weight(5)), Fail, 40);
    begin(&mut record, Stage::Step(ReleaseStep::Abort), "a", 41);
    judge(&mut record, Stage::Step(ReleaseStep::Abort), Fail, 42);
    begin(&mut record, Stage::Incident, "a", 43);
    judge(&mut record, Stage::Incident, Pass, 43);
    judge(&mut record, Stage::Health(ReleaseStep::Abort), Fail, 44);
    judge(&mut record, Stage::Quarantine, Pass, 45);
    judge(&mut record, Stage::Settle, Pass, 46);
    assert_eq!(word(&step(&record, &Observations::default(), 47)), "hold fail");
    record.apply(&Turn::Held { reason: "the way back failed", verdict: Some(Fail) }, at(47), &ana()).unwrap();
    assert_eq!(word(&step(&record, &Observations::default(), 48)), "wait");
    let mut again = record.clone();
    again.apply(&Turn::Continued { accept: false, note: None, commit: &"c".into() }, at(50), &ana()).unwrap();
    assert_eq!(word(&step(&again, &Observations::default(), 51)), "begin abort");
    record.apply(&Turn::Continued { accept: true, note: None, commit: &"c".into() }, at(50), &ana()).unwrap();
    assert_eq!(word(&step(&record, &Observations::default(), 51)), "finish rolled back");
}

#[test]
fn who_calls_it_off_gets_back_what_ran_and_no_incident() {
    let mut untouched = canary();
    untouched.apply(&Turn::Cancelled { reason: "not today" }, at(3), &ana()).unwrap();
    assert_eq!(word(&step(&untouched, &Observations::default(), 4)), "finish cancelled");
    let mut touched = at_five();
    touched.apply(&Turn::Cancelled { reason: "not today" }, at(20), &ana()).unwrap();
    assert_eq!(word(&step(&touched, &Observations::default(), 21)), "begin abort");
    begin(&mut touched, Stage::Step(ReleaseStep::Abort), "a", 21);
    judge(&mut touched, Stage::Step(ReleaseStep::Abort), Pass, 22);
    judge(&mut touched, Stage::Health(ReleaseStep::Abort), Pass, 23);
    assert_eq!(word(&step(&touched, &Observations::default(), 24)), "finish cancelled");
}

#[test]
fn staging_applies_looks_and_tests() {
    let mut record = DeploymentRecord::new("DEP-2".into(), order(false, Strategy::Immediate), at(0), ana());
    assert_eq!(word(&step(&record, &Observations::default(), 1)), "begin apply");
    begin(&mut record, Stage::Step(ReleaseStep::Apply), "a", 1);
    judge(&mut record, Stage::Step(ReleaseStep::Apply), Pass, 2);
    judge(&mut record, Stage::Health(ReleaseStep::Apply), Pass, 3);
    assert_eq!(word(&step(&record, &Observations::default(), 4)), "begin integration test");
    begin(&mut record, Stage::Test(Test::Integration), "a", 4);
    // Nobody runs it twice at once, and nobody waits for the dead.
    let other = Observations { holder: "b".into(), ..Observations::default() };
    assert_eq!(word(&step(&record, &other, 5)), "look again");
    assert_eq!(word(&step(&record, &other, 124)), "take over integration test");
    let mut failed = record.clone();
    judge(&mut failed, Stage::Test(Test::Integration), Fail, 6);
    assert_eq!(word(&step(&failed, &Observations::default(), 7)), "begin undo");
    judge(&mut record, Stage::Test(Test::Integration), Pass, 6);
    assert_eq!(word(&step(&record, &Observations::default(), 7)), "finish done");
}

#[test]
fn a_schedule_waits_for_its_time_and_its_window() {
    let mut record = canary();
    record.apply(&Turn::Scheduled { not_before: Some(at(100)), window: true }, at(1), &ana()).unwrap();
    judge(&mut record, Stage::Gates, Pass, 2);
    let closed = Closure {
        by: "night".into(),
        kind: crate::domain::calendar::Closing::Window,
        reason: None,
        until: None,
        next_opening: Some(at(500)),
    };
    let shut = Observations { closed: Some(closed), ..Observations::default() };
    assert_eq!(
        step(&record, &Observations::default(), 99),
        wait(Patience::Hours, Some(at(100)), format!("scheduled for {}", at(100).format("%F %H:%M UTC")))
    );
    assert!(matches!(step(&record, &shut, 100), Decision::Wait { until, .. } if until == Some(at(500))));
    assert_eq!(word(&step(&record, &Observations::default(), 100)), "schedule pass");
}

#[test]
fn the_watch_lasts_a_day_and_ends_with_a_critical_incident() {
    let mut record = at_five();
    judge(&mut record, Stage::Analysis(ReleaseStep::Weight(5)), Pass, 310);
    begin(&mut record, Stage::Step(ReleaseStep::Promote), "a", 311);
    judge(&mut record, Stage::Step(ReleaseStep::Promote), Pass, 312);
    judge(&mut record, Stage::Health(ReleaseStep::Promote), Pass, 313);
    for (verdict, second, expected) in [
        (Pass, 314, "postcheck pass"),
        (Fail, 314, "postcheck fail"),
        (NoData, 314, "look again"),
        (NoData, 523, "hold no data"),
    ] {
        let seen = Observations { checks: vec![Check::new("x", verdict, "y")], ..Observations::default() };
        assert_eq!(word(&step(&record, &seen, second)), expected);
    }
    judge(&mut record, Stage::Postcheck, Pass, 320);
    let day = 24 * 3_600;
    let incident = Observations { incidents: vec!["INC-4".into()], ..analysed(Pass) };
    for (seen, second, expected) in [
        (analysed(Pass), 319 + day, "wait"),
        (analysed(Pass), 320 + day, "watch pass"),
        (analysed(NoData), 320 + day, "hold no data"),
        (incident, 400, "watch fail"),
        (analysed(Fail), 400, "watch fail"),
    ] {
        assert_eq!(word(&step(&record, &seen, second)), expected);
    }
    judge(&mut record, Stage::Watch, Fail, 400);
    assert_eq!(word(&step(&record, &Observations::default(), 401)), "begin undo");
}

#[test]
fn git_is_settled_once_and_waits_for_the_remote() {
    let mut record = at_five();
    judge(&mut record, Stage::Analysis(ReleaseStep::Weight(5)), Fail, 40);
    for (second, stage) in [
        (41, Stage::Step(ReleaseStep::Abort)),
        (42, Stage::Incident),
        (43, Stage::Health(ReleaseStep::Abort)),
        (44, Stage::Quarantine),
    ] {
        judge(&mut record, stage, Pass, second);
    }
    assert_eq!(word(&step(&record, &Observations::default(), 45)), "begin settle Git");
    begin(&mut record, Stage::Settle, "a", 45);
    assert_eq!(word(&step(&record, &Observations::default(), 46)), "wait");
    assert_eq!(word(&step(&record, &Observations::default(), 200)), "take over settle Git");
    assert_eq!(word(&step(&record, &Observations::default(), 40 + 86_401)), "hold error");
    let settled = Observations { is_settled: true, ..Observations::default() };
    // Whoever began it may have been cut off before the ledger knew: it is looked at once more, also after a day.
    assert_eq!(word(&step(&record, &settled, 46)), "wait");
    assert_eq!(word(&step(&record, &settled, 200)), "take over settle Git");
    assert_eq!(word(&step(&record, &settled, 40 + 86_401)), "take over settle Git");
    let mut before = at_five();
    judge(&mut before, Stage::Analysis(ReleaseStep::Weight(5)), Fail, 40);
    for stage in [
        Stage::Step(ReleaseStep::Abort),
        Stage::Incident,
        Stage::Health(ReleaseStep::Abort),
        Stage::Quarantine,
    ] {
        judge(&mut before, stage, Pass, 41);
    }
    assert_eq!(word(&step(&before, &settled, 42)), "settle Git pass", "a person was faster");
}

#[test]
fn who_comes_later_gets_the_time_that_it_needs_to_see_enough() {
    let record = at_five();
    let parameters = Parameters::default();
    let end = 10 + parameters.step_time.num_seconds();
    let seen =
        |verdict, since: Option<i64>| Observations { watched_since: since.map(at), ..analysed(verdict) };
    // Five intervals of half a minute, and one to begin with.
    for (verdict, since, second, expected) in [
        (NoData, Some(11), end, "hold no data"),
        (NoData, None, end, "hold no data"),
        (NoData, Some(end - 1), end, "look again"),
        (Error, Some(end - 179), end, "look again"),
        (NoData, Some(end - 180), end, "hold no data"),
        (Pass, Some(end - 1), end, "analysis at canary 5% pass"),
        (Fail, Some(end - 1), end, "analysis at canary 5% fail"),
    ] {
        assert_eq!(
            word(&step(&record, &seen(verdict, since), second)),
            expected,
            "{verdict:?} since {since:?}"
        );
    }
}

#[test]
fn a_job_is_made_once_and_found_by_whoever_comes() {
    let mut record = DeploymentRecord::new("DEP-1".into(), order(false, Strategy::Immediate), at(0), ana());
    begin(&mut record, Stage::Step(ReleaseStep::Apply), "a", 1);
    judge(&mut record, Stage::Step(ReleaseStep::Apply), Pass, 2);
    judge(&mut record, Stage::Health(ReleaseStep::Apply), Pass, 3);
    let image = TestMeans::Image("r/test:1".to_owned(), Vec::new());
    let parameters = Parameters {
        tests: vec![(Test::Integration, image, Duration::minutes(10))],
        ..Parameters::default()
    };
    let leg = leg(Stage::Test(Test::Integration));
    assert_eq!(claim(&leg, &parameters), CLAIM, "it is not held for as long as it may take");
    let seen = |holder: &str, job| Observations {
        holder: holder.to_owned(),
        job: Some(job),
        ..Observations::default()
    };
    let next = |record: &DeploymentRecord, seen: &Observations, second| {
        word(&next(record, seen, &parameters, at(second)))
    };
    assert_eq!(next(&record, &seen("a", Ok(None)), 4), "begin integration test");
    begin(&mut record, leg.stage, "a", 4);
    let running = || Ok(Some(JobState::Running("1 pod runs".to_owned())));
    for (holder, job, second, expected) in [
        ("a", Ok(None), 5, "take over integration test"),
        // Not before the claim has lapsed: the other one may be about to make it.
        ("b", Ok(None), 5, "look again"),
        ("b", Ok(None), 124, "take over integration test"),
        // Made again and again it would never end.
        ("a", Ok(None), 4 + 720, "hold error"),
        ("b", running(), 5, "look again"),
        ("b", running(), 700, "look again"),
        ("b", running(), 4 + 720, "hold error"),
        ("b", Err("503".to_owned()), 5, "look again"),
        ("b", Err("503".to_owned()), 4 + 720, "hold error"),
        ("b", Ok(Some(JobState::Passed)), 5, "collect passed"),
        ("b", Ok(Some(JobState::Failed("exit code 1".to_owned()))), 5, "collect failed"),
    ] {
        assert_eq!(next(&record, &seen(holder, job.clone()), second), expected, "{holder} {job:?} {second}");
    }
}

#[test]
fn broken_glass_opens_the_gates_and_the_window_and_nothing_else() {
    let glass = || Some("past it by broken glass".to_owned());
    let mut record = canary();
    let closed = ReleaseGateStatus {
        gate: ReleaseGate::Staging,
        teams: Vec::new(),
        opened: None,
        is_open: false,
        detail: "not there".into(),
    };
    let mut seen = Observations { gates: vec![closed], ..Observations::default() };
    assert_eq!(word(&step(&record, &seen, 1)), "wait");
    seen.glass = glass();
    assert_eq!(word(&step(&record, &seen, 1)), "gates pass");
    judge(&mut record, Stage::Gates, Pass, 1);
    seen.checks = vec![Check::new("SLA budget", Fail, "overdrawn")];
    assert_eq!(word(&step(&record, &seen, 2)), "hold fail", "a check is no gate");
    seen.checks = vec![Check::new("SLA budget", Pass, "left")];
    let Decision::Judge { detail, .. } = step(&record, &seen, 2) else { panic!() };
    assert!(detail.contains("past it by broken glass"), "{detail}");
}

#[test]
fn the_end_of_a_step_back_that_was_refused_is_not_waited_for() {
    let mut record = at_five();
    judge(&mut record, Stage::Analysis(ReleaseStep::Weight(5)), Fail, 40);
    let mut taken = record.clone();
    judge(&mut record, Stage::Step(ReleaseStep::Abort), Fail, 41);
    judge(&mut record, Stage::Incident, Pass, 42);
    let there = status(RolloutStatus::Progressing("the canary is still there".to_owned()));
    assert_eq!(word(&step(&record, &there, 43)), "health after abort fail");
    judge(&mut taken, Stage::Step(ReleaseStep::Abort), Pass, 41);
    judge(&mut taken, Stage::Incident, Pass, 42);
    assert_eq!(word(&step(&taken, &there, 43)), "look again");
}
