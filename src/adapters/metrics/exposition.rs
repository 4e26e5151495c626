//! Reading the Prometheus text format into a sample.
//!
//! The parser library reads line by line with patterns that lose data without a word: a name with a colon, empty
//! braces, and braces, commas, equals signs or escapes in a label's value. So each line is taken apart here
//! first and written anew in a form that it can read, with stand-ins for those characters; they are put back
//! afterwards. Whatever it still drops is counted: values in against values out.

use crate::domain::sla::{Buckets, Sample, VersionSample};
use chrono::DateTime;
use prometheus_parse::{Labels, Scrape, Value};

/// Stands for a colon in a name: a letter to the library, and no letter that a name may have.
const COLON: char = 'ː';
/// Stand-ins for ASCII characters in label values begin here, in a private-use area.
const STAND_INS: u32 = 0xE000;

/// More versions of one service than this are not told apart.
const MOST_VERSIONS: usize = 16;

const REQUESTS: &str = "http_requests_total";
const DURATIONS: &str = "http_request_duration_seconds";
const DURATION_BUCKETS: &str = "http_request_duration_seconds_bucket";

/// The sample of a page; `None` when not one line of it could be read, and something stood there.
pub(super) fn read(page: &str) -> Option<Sample> {
    let mut unread = 0_usize;
    let mut values = 0_usize;
    let lines = page.lines().filter_map(|line| {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        if line.starts_with('#') {
            return Some(line.replace(':', COLON.encode_utf8(&mut [0; 4])));
        }
        values += 1;
        let safe = rewrite(line);
        if safe.is_none() {
            unread += 1;
        }
        safe
    });
    // Reading from memory cannot fail. The samples' own time is not used, so any will do.
    let scrape = Scrape::parse_at(lines.map(Ok), DateTime::UNIX_EPOCH).ok()?;
    let known: usize = scrape
        .samples
        .iter()
        .map(|sample| match &sample.value {
            Value::Histogram(buckets) => buckets.len(),
            Value::Summary(quantiles) => quantiles.len(),
            Value::Counter(_) | Value::Gauge(_) | Value::Untyped(_) => 1,
        })
        .sum();
    if known == 0 && values > 0 {
        return None;
    }
    // Lines that were refused here are among those that the library never saw.
    let mut sample = Sample { unread_lines: values.saturating_sub(known).max(unread), ..Sample::default() };
    for seen in &scrape.samples {
        let number = match &seen.value {
            Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) if number.is_finite() => {
                Some(*number)
            }
            _ => None,
        };
        match (seen.metric.as_str(), &seen.value, number) {
            // What was counted is not known, and leaving the line out would make errors of all that is left.
            (REQUESTS, Value::Counter(_) | Value::Gauge(_) | Value::Untyped(_), number)
                if number.is_none_or(|number| number < 0.0) =>
            {
                sample.requests = f64::NAN;
                sample.errors = f64::NAN;
            }
            (REQUESTS, _, Some(number)) => {
                let failed = seen.labels.get("code").map(restore).is_some_and(|code| is_server_error(&code));
                let errors = if failed { number } else { 0.0 };
                if let Some(version) = version(&mut sample, &seen.labels) {
                    version.requests += number;
                    version.errors += errors;
                }
                sample.requests += number;
                sample.errors += errors;
            }
            (DURATIONS, Value::Histogram(buckets), _) => {
                if let Some(version) = version(&mut sample, &seen.labels) {
                    for bucket in buckets {
                        add(&mut version.durations, bucket.less_than, bucket.count);
                    }
                }
                for bucket in buckets {
                    add(&mut sample.durations, bucket.less_than, bucket.count);
                }
            }
            // Without a TYPE line, buckets come one by one.
            (DURATION_BUCKETS, _, Some(count)) => {
                if let Some(bound) = seen.labels.get("le").and_then(|bound| restore(bound).parse().ok()) {
                    if let Some(version) = version(&mut sample, &seen.labels) {
                        add(&mut version.durations, bound, count);
                    }
                    add(&mut sample.durations, bound, count);
                }
            }
            ("process_cpu_seconds_total", _, Some(number)) => {
                sample.cpu_seconds = Some(sample.cpu_seconds.unwrap_or(0.0) + number);
            }
            ("process_resident_memory_bytes", _, Some(number)) => {
                sample.memory_bytes = Some(sample.memory_bytes.unwrap_or(0.0) + number);
            }
            _ => {}
        }
    }
    sample.durations.sort_by(|one, other| one.0.total_cmp(&other.0));
    for version in sample.versions.values_mut() {
        version.durations.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    Some(sample)
}

/// The figures of the version that labels name, where they do.
fn version<'s>(sample: &'s mut Sample, labels: &Labels) -> Option<&'s mut VersionSample> {
    let name = restore(labels.get("version")?);
    // A service has two or three of them; more are not what the label is meant for.
    let is_room = sample.versions.len() < MOST_VERSIONS || sample.versions.contains_key(&name);
    (is_room && !name.is_empty()).then(|| sample.versions.entry(name).or_default())
}

/// Whether a status code says that the server failed: 500 to 599, or the class written as `5xx`.
fn is_server_error(code: &str) -> bool {
    code.len() == 3 && code.starts_with('5')
}

/// Adds to the bucket of a bound.
fn add(buckets: &mut Buckets, bound: f64, count: f64) {
    if bound.is_nan() || count.is_nan() {
        return;
    }
    match buckets.iter_mut().find(|(other, _)| other.total_cmp(&bound).is_eq()) {
        Some(bucket) => bucket.1 += count,
        None => buckets.push((bound, count)),
    }
}

/// A line of the format, written so that the library reads all of it; `None` when it is not of the format.
/// Timestamps and exemplars are left out, as nothing here uses them.
fn rewrite(line: &str) -> Option<String> {
    let end = line.find(|character: char| !is_name(character)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let mut safe = String::with_capacity(line.len() + 8);
    safe.extend(name.chars().map(|character| if character == ':' { COLON } else { character }));
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('{') {
        Some(labels) => rewrite_labels(labels, &mut safe)?,
        None => rest,
    };
    safe.push(' ');
    safe.push_str(rest.split_whitespace().next()?);
    Some(safe)
}

/// Writes the labels up to the closing brace, and gives what follows it.
fn rewrite_labels<'a>(mut rest: &'a str, safe: &mut String) -> Option<&'a str> {
    let mut separator = '{';
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            // Empty braces are left out altogether.
            if separator == ',' {
                safe.push('}');
            }
            return Some(after);
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_end();
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        safe.push(separator);
        safe.push_str(name);
        safe.push_str("=\"");
        let mut characters = after.trim_start().strip_prefix('"')?.chars();
        loop {
            let plain = match characters.next()? {
                '"' => break,
                '\\' => match characters.next()? {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    _ => return None,
                },
                character => character,
            };
            safe.push(stand_in(plain)?);
        }
        safe.push('"');
        separator = ',';
        rest = characters.as_str().trim_start();
        rest = rest.strip_prefix(',').or_else(|| rest.starts_with('}').then_some(rest))?;
    }
}

/// Whether a character may be in a name.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == ':'
}

/// What is written for a character of a label's value; `None` for one that is a stand-in itself.
fn stand_in(character: char) -> Option<char> {
    match character {
        '{' | '}' | ',' | '=' | '"' | '\\' | '\n' => char::from_u32(STAND_INS + u32::from(character)),
        '\u{E000}'..='\u{E07F}' => None,
        other => Some(other),
    }
}

/// A label's value with its characters put back.
fn restore(value: &str) -> String {
    value
        .chars()
        .map(|character| match u32::from(character).checked_sub(STAND_INS) {
            Some(code @ 0..=0x7F) => char::from_u32(code).unwrap_or(character),
            _ => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = r#"# HELP http_requests_total Requests: all of them.
# TYPE http_requests_total counter
http_requests_total{service="shared-auth",version="1.3.0",code="200"} 970
http_requests_total{service="shared-auth",version="1.3.0",code="404"} 10
http_requests_total{service="shared-auth",version="1.3.0",code="500"} 15
http_requests_total{service="shared-auth",version="1.3.0",code="503"} 5 1800000000000
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{path="/a",le="0.1"} 50
http_request_duration_seconds_bucket{path="/a",le="+Inf"} 60
http_request_duration_seconds_bucket{path="/b",le="0.1"} 30
http_request_duration_seconds_bucket{path="/b",le="+Inf"} 40
http_request_duration_seconds_sum{path="/a"} 12.5
http_request_duration_seconds_count{path="/a"} 60
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.5
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.048576e+06
# EOF
"#;

    #[test]
    fn a_usual_page_is_read_whole() {
        let sample = read(USUAL).unwrap();
        assert_eq!((sample.requests, sample.errors, sample.unread_lines), (1000.0, 20.0, 0));
        assert_eq!(sample.durations, [(0.1, 80.0), (f64::INFINITY, 100.0)]);
        assert_eq!((sample.cpu_seconds, sample.memory_bytes), (Some(12.5), Some(1_048_576.0)));
        // What carries a version is told by it, too.
        let version = &sample.versions["1.3.0"];
        assert_eq!((sample.versions.len(), version.requests, version.errors), (1, 1000.0, 20.0));
    }

    #[test]
    fn what_the_library_would_lose_is_kept() {
        for (line, errors, unread) in [
            (r#"http_requests_total{path="/{id}",code="500"} 1"#, 1.0, 0),
            (r#"http_requests_total{path="a,b",code="500"} 1"#, 1.0, 0),
            (r#"http_requests_total{path="a=b",code="500"} 1"#, 1.0, 0),
            (r#"http_requests_total{path="say \"}\" \\ \n",code="500"} 1"#, 1.0, 0),
            (r#"http_requests_total { path = "x" , code = "500" , } 1"#, 1.0, 0),
            (r#"http_requests_total{code="500"} 1 # {trace_id="x"} 0.5"#, 1.0, 0),
            ("http_requests_total{} 1", 0.0, 0),
            ("http_requests_total 1", 0.0, 0),
            // An escaped quote does not make a code.
            (r#"http_requests_total{path="\",code=\"500",code="200"} 1"#, 0.0, 0),
        ] {
            let page =
                format!("# TYPE http_requests_total counter\n{line}\njob:requests:rate5m{{a=\"b\"}} 2\n");
            let sample = read(&page).unwrap();
            assert_eq!(
                (sample.requests, sample.errors, sample.unread_lines),
                (1.0, errors, unread),
                "{line}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_counted() {
        for line in [
            "http_requests_total",
            "http_requests_total many",
            r#"http_requests_total{code="500" 1"#,
            r#"http_requests_total{code="500} 1"#,
            "http_requests_total{code=500} 1",
            r#"http_requests_total{code="\x"} 1"#,
            r#"{"http.requests",code="500"} 1"#,
            "9lives 1",
            "http_requests_total{code=\"\u{E022}\"} 1",
        ] {
            let sample = read(&format!("good 1\n{line}\n")).unwrap();
            assert_eq!((sample.requests, sample.unread_lines), (0.0, 1), "{line}");
        }
        assert!(read("<html>\n<body>no metrics</body>").is_none());
        assert_eq!(read(""), Some(Sample::default()));
    }

    #[test]
    fn counters_that_are_no_numbers_leave_no_errors_behind() {
        for wrong in ["NaN", "+Inf", "-Inf", "-3"] {
            let page = format!(
                "http_requests_total{{code=\"200\"}} {wrong}\nhttp_requests_total{{code=\"500\"}} 5\n"
            );
            let sample = read(&page).unwrap();
            assert!(sample.requests.is_nan() && sample.errors.is_nan(), "{wrong}: {sample:?}");
        }
    }

    #[test]
    fn buckets_without_a_type_line_count_too() {
        let page = "http_request_duration_seconds_bucket{le=\"+Inf\"} 4\nhttp_request_duration_seconds_bucket{le=\"0.5\"} 3\n";
        assert_eq!(read(page).unwrap().durations, [(0.5, 3.0), (f64::INFINITY, 4.0)]);
    }

    #[test]
    fn values_come_back_as_they_were() {
        let wild = "{a},b=\"c\"\\\n~ü";
        let safe: String = wild.chars().map(|character| stand_in(character).unwrap()).collect();
        assert!(!safe.contains(['{', '}', ',', '=', '"', '\\', '\n']));
        assert_eq!(restore(&safe), wild);
    }
}
