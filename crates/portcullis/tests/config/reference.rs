#[test]
fn t() {
    println!("{}", portcullis::config::schema());
}
