//! An order, as tests need one.

use super::{
    order::{Order, Place},
    release::Strategy,
};

/// Of `api` 2.0.0 to places by name and wave, where 1.0.0 runs; without tests.
pub fn order(production: bool, strategy: Strategy, places: &[(&str, usize)]) -> Order {
    let place = |(environment, wave): &(&str, usize)| Place {
        environment: (*environment).into(),
        wave: *wave,
        from_version: Some("1.0.0".into()),
        from_image: None,
        objects: Vec::new(),
    };
    Order {
        service: "api".into(),
        version: "2.0.0".into(),
        image: None,
        commit: None,
        change: None,
        production,
        places: places.iter().map(place).collect(),
        strategy,
        tests: Vec::new(),
        not_before: None,
        window: false,
    }
}
