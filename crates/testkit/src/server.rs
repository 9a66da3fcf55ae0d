//! A server on a real socket whose answers a test decides, one by one.

#![allow(missing_docs, reason = "a part of tests")]

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a test answers: a response, or nothing ever.
pub type Answer = Option<Response<Body>>;

/// All of a body, or what is sent of it when a test wants.
pub type Body = BoxBody<Bytes, Infallible>;

type Answers = Arc<Mutex<Box<dyn FnMut(&Request<Bytes>) -> Answer + Send>>>;

pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    answers: Answers,
    asked: watch::Receiver<usize>,
}

/// What every connection of a server answers.
#[derive(Clone)]
pub(crate) struct Answering {
    answers: Answers,
    count: watch::Sender<usize>,
}

impl Answering {
    pub(crate) async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return pending().await };
        let request = Request::from_parts(head, body.to_bytes());
        let answer = (self.answers.lock().unwrap())(&request);
        self.count.send_modify(|count| *count += 1);
        match answer {
            Some(answer) => Ok(answer),
            None => pending().await,
        }
    }
}

impl Server {
    pub async fn start(answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static) -> Server {
        Server::at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    /// At this address, which nobody may have.
    pub async fn at(
        address: SocketAddr,
        answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static,
    ) -> Server {
        Server::serving("http", address, answer, |stream, answering| async move {
            let answer = service_fn(move |request| answering.clone().answer(request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        })
        .await
    }

    pub(crate) async fn serving<F>(
        scheme: &'static str,
        address: SocketAddr,
        answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static,
        serve: impl Fn(TcpStream, Answering) -> F + Send + 'static,
    ) -> Server
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Answers = Arc::new(Mutex::new(Box::new(answer)));
        let (count, asked) = watch::channel(0);
        let answering = Answering { answers: Arc::clone(&answers), count };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answering.clone()));
            }
        });
        Server { address, scheme, answers, asked }
    }

    /// From now on it answers so.
    pub fn answer(&self, answer: impl FnMut(&Request<Bytes>) -> Answer + Send + 'static) {
        *self.answers.lock().unwrap() = Box::new(answer);
    }

    /// How many requests it has had.
    pub fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// Until it has had so many.
    pub async fn until_asked(&self, count: usize) {
        self.asked.clone().wait_for(|asked| *asked >= count).await.unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }
}

#[allow(clippy::unnecessary_wraps, reason = "an answer as tests give them")]
pub fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Some(response.body(Full::new(body.into()).boxed()).unwrap())
}

/// A response whose body comes as the test sends it, and ends when the sender is dropped.
pub fn stream(status: u16, headers: &[(&str, &str)]) -> (Sender<Bytes, Infallible>, Answer) {
    let (sender, body) = Channel::new(64);
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    (sender, Some(response.body(body.boxed()).unwrap()))
}
