#[global_allocator]
static HEAP: posewire::process::memory::Heap = posewire::process::memory::Heap;

fn main() -> std::process::ExitCode {
    posewire::cli::main(std::env::args_os().skip(1))
}
