//! Work that keeps a processor busy for long, beside the threads that wait for many things at once.

use crate::Problem;

/// Runs it on a thread of its own. A fault in it is a problem answer, and ends nothing else.
pub(crate) async fn aside<T, W>(work: W) -> Result<T, Problem>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, Problem> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Problem::internal(format!("the answer could not be worked out: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_beside_gives_its_result_and_a_fault_in_it_is_a_problem() {
        assert_eq!(aside(|| Ok(7)).await, Ok(7));
        assert_eq!(aside(|| Err::<(), _>(Problem::invalid("x"))).await, Err(Problem::invalid("x")));
        let fault = aside(|| -> Result<(), Problem> { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(fault.status(), 500);
    }
}
