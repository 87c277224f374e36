//! What goes out, plain and encrypted.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::server::{Server, serve};
use super::*;

#[actix_web::test]
async fn a_request_says_all_that_svix_goes_by() {
    let server = Server::start(serve);
    let port = server.port;
    let mut world = World::new(server);
    let url = format!("http://127.0.0.1:{port}/below");
    world.account = Account::new(AccountName::new("default"), url, "t0ken".into(), PATIENCE).unwrap();
    world.deliver("a", "a send").await;
    world.perform("a", &Step::FetchMessage).await;
    let seen = world.server.seen();
    let mut lines: Vec<&str> = seen[0].head.trim_end().lines().collect();
    lines[1..].sort_unstable();
    let (host, agent) =
        (format!("host: 127.0.0.1:{port}"), format!("user-agent: svix-hooks/{}", env!("CARGO_PKG_VERSION")));
    let length = format!("content-length: {}", seen[0].body.len());
    let right = [
        "POST /below/api/v1/app/app_1/msg?with_content=false HTTP/1.1",
        "accept: application/json",
        "authorization: Bearer t0ken",
        &length,
        "content-type: application/json",
        &host,
        "idempotency-key: a",
        &agent,
    ];
    assert_eq!(lines, right);
    let body = r#"{"eventType":"user.created","eventId":"a","payload":{"a":1,"b":2}}"#;
    assert_eq!(seen[0].body, body);

    let mut lines: Vec<&str> = seen[1].head.trim_end().lines().collect();
    lines[1..].sort_unstable();
    let right = [
        "GET /below/api/v1/app/app_1/msg/a?with_content=true HTTP/1.1",
        "accept: application/json",
        "authorization: Bearer t0ken",
        &host,
        &agent,
    ];
    assert_eq!(lines, right);
}

/// Answers as Svix does, encrypted; returns its port, its certificate, and how many connections there were.
fn encrypted() -> (u16, String, Arc<AtomicUsize>) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections: Arc<AtomicUsize> = Arc::default();
    let counted = connections.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            // It ends the connection behind the third, and says so.
            for _ in 0..3 {
                let Some(request) = Request::read(&mut stream, number) else {
                    break;
                };
                std::io::Write::write_all(&mut stream, request.accepted().as_bytes()).unwrap();
            }
            stream.conn.send_close_notify();
            let _ = std::io::Write::flush(&mut stream);
        }
    });
    (port, own.cert.pem(), connections)
}

#[actix_web::test]
async fn an_encrypted_connection_is_used_again_until_it_ends() {
    let (port, certificate, connections) = encrypted();
    let options = ClientOptions {
        connect_timeout: PATIENCE,
        networks: Networks::new(vec![]),
        roots: Roots::read(certificate.as_bytes()).unwrap(),
    };
    let client = Client::new(&options, 4).unwrap();
    let url = format!("https://127.0.0.1:{port}");
    let account = Account::new(AccountName::new("default"), url, "t0ken".into(), PATIENCE).unwrap();
    let mut delivered = 0;
    for number in 0..6 {
        let event = notification(&format!("e{number}"));
        // Where its end comes in the very moment of the next request, that is known and costs nothing.
        for _ in 0..2 {
            let exchange = client
                .perform(&account, &event, &Step::Send, PATIENCE, None)
                .await;
            if message(&exchange) == Some(format!("msg_e{number}")) {
                delivered += 1;
                break;
            }
            assert_eq!(exchange.answer, Answer::Broken, "{exchange:?}");
        }
    }
    assert_eq!(delivered, 6);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}
