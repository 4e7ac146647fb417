//! One process between a model Clerk and a database in memory, at noon, with small pages.

use crate::{
    clerk::ClerkErrorKind,
    engine::testing::{HOUR, NOON, mapping, user, username},
    reconcile::{
        MaxDeletes, PassError,
        sizes::Sizes,
        testing::{
            clerk::{Look, Manners, ModelClerk, Vanished},
            life::{Life, now},
            process::{Process, Setup},
            store::Database,
        },
    },
    store::{Store, memory::MemoryStore},
};
use std::sync::Arc;

/// See the module.
pub(super) struct Rig {
    pub(super) clerk: Arc<ModelClerk>,
    pub(super) memory: Arc<MemoryStore>,
    pub(super) process: Process,
}

/// When the user of this number was created.
pub(super) fn born(number: i64) -> i64 {
    NOON - 2 * HOUR + number
}

pub(super) fn look(created_at: i64) -> Look {
    Look { created_at, updated_at: NOON - HOUR, name: 1 }
}

impl Rig {
    /// Clerk has so many users, each created a millisecond after the one before.
    pub(super) fn with(users: i64) -> Self {
        Self::born(&(0..users).map(born).collect::<Vec<_>>(), Vanished::IsRefused)
    }

    /// Clerk has users who were created then.
    pub(super) fn born(moments: &[i64], vanished: Vanished) -> Self {
        let began = now();
        let manners = Manners { vanished, inclusive: false, falling: true };
        let clerk = ModelClerk::new(Life::new(began, 0), manners, 1);
        for (number, created_at) in moments.iter().enumerate() {
            clerk.had(&format!("user_{number:02}"), look(*created_at));
        }
        let memory = Arc::new(MemoryStore::new(mapping(), Arc::new(Life::new(began, 0))));
        let inner = Arc::clone(&memory) as Arc<dyn Store>;
        let database = Database::new(Arc::clone(&inner), inner, false, 1);
        let sizes = Sizes {
            page: 4,
            overlap: 2,
            new_pages: 3,
            at_once: 3,
            suspects: 2,
            window: 3,
            ..Sizes::default()
        };
        let setup = Setup {
            name: "process".to_owned(),
            skew_ms: 0,
            limit: 100_000,
            shares: false,
            max_deletes: MaxDeletes { count: 2, percent: 0 },
            sizes,
        };
        let process = Process::start(&clerk, &database, began, &setup);
        Self { clerk, memory, process }
    }

    /// The user names in the table, by id.
    pub(super) async fn table(&self) -> Vec<(String, String)> {
        let rows = self.memory.rows(None, 1_000).await.expect("readable");
        let id = |row: &crate::mapping::Row| match &row[0] {
            crate::mapping::Value::Text(id) => id.clone(),
            other => panic!("an id, not {other:?}"),
        };
        rows.iter().map(|row| (id(row), username(row))).collect()
    }

    /// As it must be.
    pub(super) async fn equals_clerk(&self) -> bool {
        let truth = self.clerk.everyone().into_iter();
        let truth: Vec<_> =
            truth.filter_map(|(id, look)| Some((id, format!("name {}", look?.name)))).collect();
        self.table().await == truth
    }

    pub(super) fn edit(&self, id: &str, name: Option<u64>) {
        let row = name.map(|name| super::super::simulation::row(id, &Look { name, ..look(NOON) }));
        self.memory.edit(&user(id), row);
    }
}

pub(super) fn is_unavailable(error: &PassError) -> bool {
    matches!(error, PassError::Clerk(error) if *error.kind() == ClerkErrorKind::Unavailable)
}
