mod companions;
mod requests;
