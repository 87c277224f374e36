//! Answers that are compressed, or say so, though nobody asked for it.

use crate::playing::play;
use crate::row::{Call, Row, Scene, row};
use crate::script::say;
use crate::wire::answer_with;

/// Compresses, or only says so.
type Pack = fn(&[u8]) -> Vec<u8>;

/// Puts bytes into one block as they are.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("it is short");
    [&[1], &length.to_le_bytes()[..], &(!length).to_le_bytes(), bytes].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("it is short");
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [
        &head[..],
        &stored(bytes),
        &crc32(bytes).to_le_bytes(),
        &length.to_le_bytes(),
    ]
    .concat()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    [&[0x78, 1][..], &stored(bytes), &adler32(bytes).to_be_bytes()].concat()
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

fn rows() -> Vec<Row> {
    let table: [(&str, &str, Pack); 14] = [
        ("gzip", "gzip", gzip),
        ("x_gzip", "x-gzip", gzip),
        ("deflate", "deflate", zlib),
        ("raw_deflate", "deflate", stored),
        ("gzip_twice", "gzip, gzip", |bytes| gzip(&gzip(bytes))),
        ("gzip_unsaid", "identity", gzip),
        ("gzip_broken", "gzip", |bytes| gzip(bytes)[..40].to_vec()),
        ("not_gzip", "gzip", plain),
        ("not_brotli", "br", plain),
        ("not_deflate", "deflate", plain),
        ("not_zstd", "zstd", plain),
        ("unknown", "aes128gcm", plain),
        ("identity", "identity", plain),
        ("many", "gzip, br, deflate, zstd, gzip, br", plain),
    ];
    let mut rows = Vec::new();
    for (name, coding, make) in table {
        let bytes = move |scene: &Scene, status: &str| {
            let body = make(scene.ours.out(true).to_string().as_bytes());
            answer_with(status, &format!("Content-Encoding: {coding}\r\n"), body)
        };
        let why = "nobody asked for it";
        rows.push(row(format!("coding_{name}"), why, move |scene| vec![say(bytes(scene, "202 Accepted"))]));
        let fetched =
            row(format!("coding_{name}_fetched"), why, move |scene| vec![say(bytes(scene, "200 OK"))]);
        rows.push(fetched.on(Call::Fetch));
    }
    rows
}

#[actix_web::test]
async fn what_is_compressed_costs_no_message() {
    play(rows(), 32).await;
}
