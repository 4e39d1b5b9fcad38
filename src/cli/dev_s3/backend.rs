//! The S3 operations this server offers. All others answer 501 `NotImplemented`.

use super::keys::{KeyError, ObjectKey};
use super::record::Moment;
use super::store::{Store, blocking};
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use std::sync::Arc;

/// Answers S3 requests from a [`Store`].
#[derive(Debug, Clone)]
pub(super) struct Backend {
    store: Arc<Store>,
}

impl Backend {
    pub(super) fn new(store: Store) -> Self {
        Self { store: Arc::new(store) }
    }

    pub(super) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// Runs file work where it may block. It runs to its end even if the client
    /// goes away, so nothing is left half done.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let store = self.store();
        blocking(move || work(&store)).await
    }

    /// 404 `NoSuchBucket` unless the bucket exists.
    pub(super) async fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        let bucket = bucket.to_owned();
        self.blocking(move |store| store.existing_bucket(&bucket).map(drop)).await
    }
}

/// Reads the key of a request; 400 where S3 refuses it as well.
pub(super) fn parse_key(key: &str) -> S3Result<ObjectKey> {
    ObjectKey::parse(key).map_err(|error| match error {
        KeyError::Empty => s3_error!(InvalidArgument, "{error}"),
        KeyError::TooLong => s3_error!(KeyTooLongError, "Your key is too long"),
    })
}

type Answer<T> = S3Result<S3Response<T>>;

fn answer<T>(output: S3Result<T>) -> Answer<T> {
    output.map(S3Response::new)
}

#[async_trait::async_trait]
impl S3 for Backend {
    /// Creating a bucket that exists is no error, as in the region us-east-1.
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> Answer<CreateBucketOutput> {
        let bucket = request.input.bucket;
        let location = Some(format!("/{bucket}"));
        self.blocking(move |store| store.create_bucket(&bucket)).await?;
        answer(Ok(CreateBucketOutput { location }))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.require_bucket(&request.input.bucket).await?;
        answer(Ok(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        self.require_bucket(&request.input.bucket).await?;
        answer(Ok(GetBucketLocationOutput::default()))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> Answer<DeleteBucketOutput> {
        self.blocking(move |store| store.delete_bucket(&request.input.bucket)).await?;
        answer(Ok(DeleteBucketOutput::default()))
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let buckets = self
            .blocking(move |store| store.buckets().map_err(S3Error::internal_error))
            .await?
            .into_iter()
            .map(|(name, created)| Bucket {
                name: Some(name),
                creation_date: Some(Moment::new(created).timestamp()),
                ..Default::default()
            });
        answer(Ok(ListBucketsOutput { buckets: Some(buckets.collect()), ..Default::default() }))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> Answer<ListObjectsOutput> {
        answer(self.list_v1(request.input).await)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> Answer<ListObjectsV2Output> {
        answer(self.list_v2(request.input).await)
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        answer(self.head(request.input).await)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        answer(self.get(request.input).await)
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        answer(self.put(request).await)
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let copy_object_result = Some(self.copy(request.input).await?);
        answer(Ok(CopyObjectOutput { copy_object_result, ..Default::default() }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> Answer<DeleteObjectOutput> {
        self.delete(request.input).await?;
        answer(Ok(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        answer(self.delete_many(request.input).await)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        answer(self.create_upload(request.input).await)
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        answer(self.put_part(request).await)
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        let copy_part_result = Some(self.copy_part(request.input).await?);
        answer(Ok(UploadPartCopyOutput { copy_part_result, ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        answer(self.complete_upload(request.input).await)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        self.abort_upload(request.input).await?;
        answer(Ok(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        answer(self.parts(request.input).await)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        answer(self.uploads(request.input).await)
    }
}
