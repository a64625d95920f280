//! The client of an S3 bucket.

use crate::{PartError, RetrySettings, S3};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// Builds the client; speaks to nobody.
pub(crate) fn connect(s3: &S3, retry: &RetrySettings) -> Result<Arc<dyn ObjectStore>, PartError> {
    let (bucket, prefix) = bucket_and_prefix(&s3.url)?;
    let options = ClientOptions::new()
        .with_timeout(retry.attempt_timeout)
        .with_connect_timeout(Duration::from_secs(5).min(retry.attempt_timeout))
        .with_allow_http(s3.allow_http);
    // Repeats are the business of `RetryStore`: one budget, one count.
    let no_retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&s3.region)
        .with_client_options(options)
        .with_retry(no_retry)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_virtual_hosted_style_request(!s3.path_style);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let (Some(key), Some(secret)) = (&s3.access_key, &s3.secret_key) {
        builder = builder.with_access_key_id(key).with_secret_access_key(secret);
    }
    let store = builder.build().map_err(|source| PartError::Unavailable { path: s3.url.clone(), source })?;
    Ok(match prefix {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    })
}

/// `s3://BUCKET[/PREFIX]`.
fn bucket_and_prefix(url: &str) -> Result<(&str, &str), PartError> {
    let wrong = || PartError::Invalid(format!("object store {url:?} is not of the form s3://BUCKET[/PREFIX]"));
    let rest = url.strip_prefix("s3://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() { Err(wrong()) } else { Ok((bucket, prefix.trim_matches('/'))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_perhaps_a_prefix() {
        assert_eq!(bucket_and_prefix("s3://b").unwrap(), ("b", ""));
        assert_eq!(bucket_and_prefix("s3://b/").unwrap(), ("b", ""));
        assert_eq!(bucket_and_prefix("s3://b/p/q/").unwrap(), ("b", "p/q"));
        for wrong in ["", "b", "http://b", "s3://", "s3:///p"] {
            assert!(bucket_and_prefix(wrong).is_err(), "{wrong}");
        }
    }
}
