//! Who uses a service: remembered per catalog, because it takes a walk over all services.

use crate::domain::{catalog::Catalog, name::ServiceName};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    sync::{Arc, Weak},
};

/// Who uses one service.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many services name it among their dependencies.
    pub direct: usize,
    /// In how many projects these are.
    pub projects: usize,
    /// How many services it reaches through others.
    pub reached: usize,
}

/// Answers about one catalog.
struct Memory {
    catalog: Weak<Catalog>,
    usage: BTreeMap<ServiceName, Rc<Usage>>,
}

thread_local! {
    /// The last catalog's answers. It is a memory, not a state: the same catalog always gives the same answer,
    /// and a frame must not walk over ten thousand services.
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

/// How many services' answers are kept.
const KEPT: usize = 256;

/// Who uses `service` in `catalog`, when `dependants` are that catalog's.
pub fn usage(
    catalog: &Arc<Catalog>,
    dependants: &BTreeMap<ServiceName, Vec<ServiceName>>,
    service: &ServiceName,
) -> Rc<Usage> {
    MEMORY.with_borrow_mut(|memory| {
        let is_known =
            memory.as_ref().is_some_and(|memory| std::ptr::eq(memory.catalog.as_ptr(), Arc::as_ptr(catalog)));
        if !is_known {
            *memory = None;
        }
        let memory =
            memory.get_or_insert_with(|| Memory { catalog: Arc::downgrade(catalog), usage: BTreeMap::new() });
        if memory.usage.len() > KEPT {
            memory.usage.clear();
        }
        let answer = memory.usage.entry(service.clone());
        answer.or_insert_with(|| Rc::new(find(catalog, dependants, service))).clone()
    })
}

fn find(
    catalog: &Catalog,
    dependants: &BTreeMap<ServiceName, Vec<ServiceName>>,
    service: &ServiceName,
) -> Usage {
    let direct = dependants.get(service).map_or(&[][..], Vec::as_slice);
    let projects: BTreeSet<_> =
        direct.iter().filter_map(|name| catalog.services.get(name)?.project.as_ref()).collect();
    let projects = projects.len();
    let mut reached: BTreeSet<&ServiceName> = BTreeSet::new();
    let mut waiting: VecDeque<&ServiceName> = VecDeque::from([service]);
    while let Some(name) = waiting.pop_front() {
        for dependant in dependants.get(name).into_iter().flatten() {
            if dependant != service && reached.insert(dependant) {
                waiting.push_back(dependant);
            }
        }
    }
    Usage { direct: direct.len(), projects, reached: reached.len() }
}
