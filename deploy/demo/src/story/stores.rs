//! Statements and commands: by a connection of the pod's pool, on the workers of the database.

use super::{Failure, Outcome, Story, attributes, record};
use crate::estate::stores::{Cache, Statement};
use crate::estate::trade::{S_MENU, S_PAYMENT_NEW, S_PRODUCT};
use crate::world::SECOND;
use crate::world::pod::Defect;

/// How long a pool lets a request wait for a connection.
const POOL_PATIENCE: u64 = 3 * SECOND;
/// How long a statement waits for a worker of the database.
const DATABASE_PATIENCE: u64 = 30 * SECOND;
/// A statement above this is in the slow log.
const SLOW: u64 = SECOND / 2;
const PRODUCTS_OF_A_MENU: usize = 80;

impl Story<'_> {
    pub(super) fn sql(&mut self, pod: usize, statement: &'static Statement) -> Outcome {
        let database = statement.database.id;
        let Ok(from) = self.world.pods[pod].pool(database).take(self.at, POOL_PATIENCE) else {
            self.at += POOL_PATIENCE;
            let message = format!(
                "{}-pool - Connection is not available, request timed out after {}ms",
                statement.database.namespace,
                POOL_PATIENCE / 1_000_000
            );
            return Err(Failure::new(500, "java.sql.SQLTransientConnectionException", message));
        };
        self.at = from;
        let defect = self.world.pods[pod].defect;
        let outcome = match defect {
            Some(Defect::ReadsRowByRow) if std::ptr::eq(statement, &raw const S_MENU) => {
                (0..PRODUCTS_OF_A_MENU).try_for_each(|_| self.execute(pod, &S_PRODUCT))
            }
            _ => self.execute(pod, statement),
        };
        let leaks = defect == Some(Defect::LeaksConnections) && std::ptr::eq(statement, &raw const S_PAYMENT_NEW);
        let pool = self.world.pods[pod].pool(database);
        if leaks {
            pool.lose()
        } else {
            pool.give_back(self.at)
        }
        outcome
    }

    fn execute(&mut self, pod: usize, statement: &'static Statement) -> Outcome {
        let name = format!("{} {}", attributes::verb(statement.text), statement.table);
        self.begin(pod, name, record::CLIENT, attributes::statement(statement));
        let began = self.at;
        let id = statement.database.id;
        let scans = self.world.databases[id].scans.filter(|(text, _)| *text == statement.text);
        let median = statement.us as f64 * scans.map_or(1.0, |(_, times)| times);
        let takes = (self.world.around(median, 0.4) * 1e3) as u64;
        let database = &mut self.world.databases[id];
        // Reads of the replica do not hold the workers of the primary.
        let outcome = if statement.on_replica {
            self.at += takes;
            Ok(())
        } else {
            match database.workers.take(self.at, DATABASE_PATIENCE) {
                Ok(from) => {
                    self.at = from + takes;
                    database.workers.give_back(self.at);
                    Ok(())
                }
                Err(_) => {
                    self.at += DATABASE_PATIENCE;
                    Err(Failure::new(500, "java.sql.SQLTimeoutException", "the database has no free worker"))
                }
            }
        };
        let database = &mut self.world.databases[id];
        database.statements += 1;
        database.slow += u64::from(self.at - began > SLOW);
        let host = self.world.pods[pod].pod.host();
        self.at += 250_000 + self.world.stalled(host);
        self.finish(&outcome);
        outcome
    }

    pub(super) fn redis(&mut self, pod: usize, cache: &'static Cache, command: &str) {
        let command = self.visit.fill(command);
        let name = format!("{} {}", attributes::verb(&command), cache.namespace);
        self.begin(pod, name, record::CLIENT, attributes::command(cache.namespace, command));
        self.world.commands[cache.id] += 1;
        let host = self.world.pods[pod].pod.host();
        self.at += (self.world.around(420.0, 0.5) * 1e3) as u64 + self.world.stalled(host);
        self.finish(&Ok(()));
    }
}
