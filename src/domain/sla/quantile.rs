//! Quantiles of classic histograms, as Prometheus's `histogram_quantile` computes them.

use super::Buckets;

/// The `quantile` (0 to 1) of a histogram's cumulative buckets, in the unit of their bounds.
///
/// Linear within a bucket, whose lower end is 0 for the first. A quantile in the `+Inf` bucket gives the
/// highest finite bound, so a threshold above that bound is never crossed. `None` where there is nothing to
/// say: no observations, no `+Inf` bucket, fewer than two buckets, a quantile outside of 0 to 1.
pub fn histogram_quantile(quantile: f64, buckets: &Buckets) -> Option<f64> {
    if !(0.0..=1.0).contains(&quantile) {
        return None;
    }
    let buckets = tidy(buckets);
    let ((last_bound, observations), finite) = buckets.split_last()?;
    let highest = finite.last()?;
    if *last_bound != f64::INFINITY || *observations <= 0.0 {
        return None;
    }
    let rank = quantile * observations;
    let Some(index) = finite.iter().position(|(_, count)| *count >= rank) else {
        return Some(highest.0);
    };
    let (end, count) = *finite.get(index)?;
    if index == 0 && end <= 0.0 {
        return Some(end);
    }
    let (start, before) = match index.checked_sub(1).and_then(|previous| finite.get(previous)) {
        Some((bound, count)) => (*bound, *count),
        None => (0.0, 0.0),
    };
    let value = start + (end - start) * ((rank - before) / (count - before));
    value.is_finite().then_some(value)
}

/// Buckets in order, equal bounds added up, without NaN, and never falling: scrapes of several processes,
/// or one that raced with an observation, can break what the arithmetic relies on.
fn tidy(buckets: &Buckets) -> Buckets {
    let mut sorted: Buckets =
        buckets.iter().copied().filter(|(bound, count)| !bound.is_nan() && !count.is_nan()).collect();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut tidy = Buckets::with_capacity(sorted.len());
    for (bound, count) in sorted {
        match tidy.last_mut() {
            Some(last) if last.0.total_cmp(&bound).is_eq() => last.1 += count,
            _ => tidy.push((bound, count)),
        }
    }
    let mut highest = 0.0_f64;
    for (_, count) in &mut tidy {
        highest = highest.max(*count);
        *count = highest;
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let usual = vec![(0.1, 50.0), (0.2, 90.0), (0.5, 100.0), (INF, 100.0)];
        for (quantile, buckets, expected) in [
            (0.5, usual.clone(), Some(0.1)),
            (0.25, usual.clone(), Some(0.05)),
            (0.7, usual.clone(), Some(0.15)),
            (0.95, usual.clone(), Some(0.35)),
            (1.0, usual.clone(), Some(0.5)),
            // In the top bucket: the second-highest bound.
            (0.99, vec![(0.1, 50.0), (0.2, 90.0), (INF, 100.0)], Some(0.2)),
            // Out of order, a bound twice, falling counts.
            (0.5, vec![(INF, 100.0), (0.2, 90.0), (0.1, 25.0), (0.1, 25.0)], Some(0.1)),
            (0.5, vec![(0.1, 60.0), (0.2, 50.0), (INF, 60.0)], Some(0.05)),
            // A first bucket at or below zero gives its bound.
            (0.1, vec![(0.0, 50.0), (1.0, 100.0), (INF, 100.0)], Some(0.0)),
            // Nothing to say.
            (0.99, vec![(0.1, 0.0), (INF, 0.0)], None),
            (0.99, vec![], None),
            (0.99, vec![(INF, 10.0)], None),
            (0.99, vec![(0.1, 5.0), (0.2, 10.0)], None),
            (0.99, vec![(0.1, f64::NAN), (INF, f64::NAN)], None),
            (1.5, usual.clone(), None),
            (f64::NAN, usual, None),
        ] {
            let found = histogram_quantile(quantile, &buckets);
            let near = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                (None, None) => true,
                _ => false,
            };
            assert!(near, "{quantile} of {buckets:?}: {found:?} instead of {expected:?}");
        }
    }
}
