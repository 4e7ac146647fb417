//! Every request of a run, signed and laid out before the clock starts.

use std::ops::Range;

use anyhow::Result;

use crate::body::Writer;
use crate::clock;
use crate::http::Target;
use crate::ids::{Series, ksuid};
use crate::options::SendOptions;
use crate::plan::Plan;
use crate::sign::Signer;

/// How long ago the first user signed up.
const AGE_MS: u64 = 3_600_000;

#[derive(Debug)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// When the first user signed up: the verification makes the same ids again.
    pub(crate) start_ms: u64,
    pub(crate) body_bytes: usize,
}

impl Requests {
    pub(crate) fn build(plan: &Plan, target: &Target, options: &SendOptions) -> Result<Self> {
        let signer = Signer::new(options.secret()?)?;
        let now = clock::unix();
        let seconds = now.as_secs();
        let start_ms = seconds * 1000 - AGE_MS;
        let writer = Writer { instance_id: &options.instance_id, seed: options.seed, start_ms };
        let (authority, path) = (&target.authority, &target.path);
        let mut bytes = Vec::with_capacity(plan.events.len() * 3072);
        let mut ends = Vec::with_capacity(plan.events.len());
        let mut body_bytes = 0;
        for (number, event) in plan.events.iter().enumerate() {
            let body = writer.write(*event);
            let id = format!("msg_{}", ksuid(seconds, Series::Message, options.seed, number as u64));
            let signature = signer.sign(&id, seconds, &body);
            let length = body.len();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: Svix-Webhooks/1.0\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\
                 svix-id: {id}\r\nsvix-timestamp: {seconds}\r\nsvix-signature: {signature}\r\n\r\n"
            );
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(body.as_bytes());
            ends.push(bytes.len());
            body_bytes += length;
        }
        Ok(Self { bytes, ends, start_ms, body_bytes: body_bytes / plan.events.len().max(1) })
    }

    pub(crate) fn get(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range: Range<usize> = start..self.ends[number];
        &self.bytes[range]
    }
}
