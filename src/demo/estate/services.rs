//! The demo's services, one row each.

use super::{ManagedBy, Service};

const SHARED: Service = Service {
    name: "",
    project: None,
    kind: "microservice",
    owner: "platform-team",
    description: "",
    version: "",
    previous: &[],
    status: "ga",
    tier: "high",
    managed_by: ManagedBy::Deployment,
    requires: &[],
    optional: &[],
    replicas: 3,
    rate: 80.0,
    median: 12.0,
    sensitive: false,
    regulated: false,
    in_production: true,
    measured: true,
};
const PROJECT_A: Service =
    Service { project: Some("project-a"), owner: "shop-team", tier: "critical", ..SHARED };
const PROJECT_B: Service = Service {
    project: Some("project-b"),
    owner: "documents-team",
    replicas: 2,
    rate: 30.0,
    median: 18.0,
    ..SHARED
};
const PROJECT_C: Service = Service {
    project: Some("project-c"),
    owner: "devices-team",
    tier: "medium",
    replicas: 2,
    rate: 40.0,
    ..SHARED
};

/// All services: the shared ones, then each project's.
pub const SERVICES: &[Service] = &[
    Service {
        name: "shared-auth",
        tier: "critical",
        description: "Signs people and services in, issues tokens",
        version: "1.3.0",
        previous: &["1.2.3", "1.2.2"],
        requires: &["user-store", "session-cache >= 2.0"],
        rate: 220.0,
        median: 14.0,
        sensitive: true,
        ..SHARED
    },
    Service {
        name: "api-gateway",
        kind: "gateway",
        tier: "critical",
        description: "The one door: routes, limits and logs every call from outside",
        version: "3.4.1",
        previous: &["3.4.0", "3.3.2"],
        managed_by: ManagedBy::ArgoCd,
        requires: &["shared-auth >= 1.0", "rate-limiter"],
        rate: 410.0,
        median: 6.0,
        ..SHARED
    },
    Service {
        name: "analytics-service",
        tier: "medium",
        description: "Counts what visitors do, without knowing who they are",
        version: "1.0.0-beta.4",
        previous: &["1.0.0-beta.3"],
        status: "beta",
        requires: &["event-bus"],
        replicas: 2,
        rate: 60.0,
        median: 22.0,
        ..SHARED
    },
    Service {
        name: "old-api",
        kind: "api",
        tier: "medium",
        description: "First public API; use new-api instead",
        version: "1.9.4",
        previous: &["1.9.3"],
        status: "deprecated",
        requires: &["shared-auth"],
        replicas: 2,
        rate: 18.0,
        median: 35.0,
        ..SHARED
    },
    Service {
        name: "new-api",
        kind: "api",
        description: "Public API, second generation",
        version: "2.0.0",
        previous: &["2.0.0-rc.2", "2.0.0-rc.1"],
        managed_by: ManagedBy::ArgoCd,
        requires: &["shared-auth >= 1.2", "event-bus"],
        rate: 90.0,
        median: 16.0,
        ..SHARED
    },
    Service {
        name: "user-store",
        kind: "database",
        tier: "critical",
        description: "Accounts and credentials",
        version: "5.2.0",
        previous: &["5.1.4"],
        rate: 180.0,
        median: 3.0,
        sensitive: true,
        ..SHARED
    },
    Service {
        name: "session-cache",
        kind: "cache",
        description: "Sessions and tokens in memory",
        version: "2.8.1",
        previous: &["2.8.0"],
        rate: 380.0,
        median: 1.5,
        ..SHARED
    },
    Service {
        name: "rate-limiter",
        description: "Counts calls per client and says when it is enough",
        version: "1.1.0",
        previous: &["1.0.6"],
        requires: &["session-cache"],
        rate: 400.0,
        median: 2.0,
        ..SHARED
    },
    Service {
        name: "event-bus",
        kind: "queue",
        description: "Carries events between services",
        version: "4.0.2",
        previous: &["4.0.1"],
        managed_by: ManagedBy::Flux,
        rate: 150.0,
        median: 4.0,
        ..SHARED
    },
    Service {
        name: "notification-service",
        kind: "worker",
        tier: "medium",
        description: "Mail and push messages to customers",
        version: "1.6.0",
        previous: &["1.5.3"],
        requires: &["event-bus"],
        replicas: 2,
        rate: 25.0,
        median: 40.0,
        ..SHARED
    },
    Service {
        name: "project-a-frontend",
        kind: "web",
        description: "E-commerce UI",
        version: "2.1.0",
        previous: &["2.0.5", "2.0.4"],
        managed_by: ManagedBy::ArgoRollouts,
        requires: &["project-a-api", "shared-auth >= 1.0"],
        optional: &["analytics-service"],
        replicas: 4,
        rate: 160.0,
        median: 24.0,
        ..PROJECT_A
    },
    Service {
        name: "project-a-api",
        kind: "api",
        description: "Shop API: products, baskets, orders",
        version: "2.1.0",
        previous: &["2.0.4", "2.0.3"],
        requires: &["shared-auth >= 1.0", "api-gateway", "catalog-search", "cart", "checkout"],
        rate: 140.0,
        median: 20.0,
        ..PROJECT_A
    },
    Service {
        name: "cart",
        description: "Baskets",
        version: "1.8.2",
        previous: &["1.8.1"],
        requires: &["session-cache"],
        rate: 95.0,
        median: 8.0,
        ..PROJECT_A
    },
    Service {
        name: "checkout",
        description: "Turns a basket into an order",
        version: "3.0.1",
        previous: &["3.0.0"],
        managed_by: ManagedBy::ArgoCd,
        requires: &["cart", "payment-adapter", "event-bus"],
        rate: 35.0,
        median: 28.0,
        ..PROJECT_A
    },
    Service {
        name: "payment-adapter",
        description: "Speaks to the payment providers",
        version: "1.4.2",
        previous: &["1.4.1"],
        requires: &["shared-auth >= 1.0"],
        rate: 20.0,
        median: 45.0,
        sensitive: true,
        regulated: true,
        ..PROJECT_A
    },
    Service {
        name: "catalog-search",
        description: "Finds products",
        tier: "high",
        version: "1.4.0",
        previous: &["1.3.7"],
        managed_by: ManagedBy::ArgoRollouts,
        rate: 110.0,
        median: 19.0,
        ..PROJECT_A
    },
    Service {
        name: "order-worker",
        kind: "worker",
        tier: "high",
        description: "Carries orders through to delivery",
        version: "2.3.0",
        previous: &["2.2.8"],
        managed_by: ManagedBy::Flux,
        requires: &["event-bus", "checkout"],
        replicas: 2,
        rate: 30.0,
        median: 30.0,
        ..PROJECT_A
    },
    Service {
        name: "inventory-sync",
        kind: "job",
        tier: "medium",
        description: "Brings stock figures from the warehouse",
        version: "1.2.1",
        previous: &["1.2.0"],
        requires: &["event-bus", "catalog-search"],
        replicas: 1,
        rate: 15.0,
        median: 50.0,
        ..PROJECT_A
    },
    Service {
        name: "project-b-portal",
        kind: "web",
        description: "Document portal UI",
        version: "1.12.0",
        previous: &["1.11.2"],
        managed_by: ManagedBy::ArgoCd,
        requires: &["project-b-api", "shared-auth >= 1.0"],
        rate: 45.0,
        ..PROJECT_B
    },
    Service {
        name: "project-b-api",
        kind: "api",
        description: "Document API",
        version: "1.7.3",
        previous: &["1.7.2"],
        requires: &["shared-auth >= 1.0", "old-api", "new-api", "document-store", "billing"],
        rate: 50.0,
        ..PROJECT_B
    },
    Service {
        name: "document-store",
        kind: "database",
        description: "Documents and their versions",
        version: "6.0.3",
        previous: &["6.0.2"],
        rate: 65.0,
        median: 7.0,
        ..PROJECT_B
    },
    Service {
        name: "report-builder",
        kind: "worker",
        tier: "medium",
        description: "Monthly reports",
        version: "1.4.7",
        previous: &["1.4.6"],
        status: "maintenance",
        managed_by: ManagedBy::Flux,
        requires: &["document-store", "pdf-renderer"],
        rate: 12.0,
        median: 60.0,
        ..PROJECT_B
    },
    Service {
        name: "billing",
        description: "Invoices for the portal's customers",
        version: "2.5.0",
        previous: &["2.4.9"],
        requires: &["shared-auth >= 1.0"],
        rate: 14.0,
        median: 32.0,
        sensitive: true,
        ..PROJECT_B
    },
    Service {
        name: "pdf-renderer",
        kind: "worker",
        tier: "medium",
        description: "Draws documents as PDF; a bought program without metrics",
        version: "1.0.4",
        previous: &["1.0.3"],
        measured: false,
        ..PROJECT_B
    },
    Service {
        name: "project-c-console",
        kind: "web",
        description: "Device fleet console",
        version: "1.1.0",
        previous: &["1.0.9"],
        requires: &["project-c-api", "shared-auth >= 1.0"],
        rate: 22.0,
        ..PROJECT_C
    },
    Service {
        name: "project-c-api",
        kind: "api",
        description: "Device fleet API",
        version: "1.4.2",
        previous: &["1.4.1"],
        managed_by: ManagedBy::ArgoCd,
        requires: &["shared-auth >= 1.0", "device-registry", "telemetry-ingest"],
        rate: 48.0,
        ..PROJECT_C
    },
    Service {
        name: "telemetry-ingest",
        description: "Takes measurements from devices",
        version: "2.2.5",
        previous: &["2.2.4"],
        requires: &["event-bus", "device-registry"],
        replicas: 3,
        rate: 320.0,
        median: 5.0,
        ..PROJECT_C
    },
    Service {
        name: "device-registry",
        kind: "database",
        description: "Which devices there are, and whose",
        version: "1.3.3",
        previous: &["1.3.2"],
        rate: 75.0,
        median: 6.0,
        ..PROJECT_C
    },
    Service {
        name: "device-twin",
        tier: "low",
        description: "A model of each device to ask instead of the device; experimental",
        version: "0.4.0",
        previous: &["0.3.2"],
        status: "development",
        requires: &["device-registry"],
        replicas: 1,
        rate: 8.0,
        in_production: false,
        ..PROJECT_C
    },
];
