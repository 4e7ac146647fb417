//! Who is on the other end of a connection: proxies that are trusted are known by it.

use axum::{Router, http::Request};
use std::{
    net::IpAddr,
    task::{Context, Poll},
};
use tower::Service;

/// The address of the other end; among the extensions of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The routes, as one connection sees them.
#[derive(Debug, Clone)]
pub(super) struct WithPeer {
    pub(super) router: Router,
    pub(super) peer: Peer,
}

impl<B> Service<Request<B>> for WithPeer
where
    Router: Service<Request<B>>,
{
    type Response = <Router as Service<Request<B>>>::Response;
    type Error = <Router as Service<Request<B>>>::Error;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.router.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}
