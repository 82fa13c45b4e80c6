package io.raydp.lifecycle;

import io.ray.api.ActorHandle;
import io.ray.api.ObjectRef;
import io.ray.api.Ray;

/**
 * Creates and calls our actors. Written in Java because Ray finds a remote method by its method reference, which Scala
 * functions are not.
 */
final class RayActors {
  private RayActors() {}

  static ActorHandle<ExecutorActor> createExecutor(ActorRequest request) {
    return request.configure(Ray.actor(ExecutorActor::new)).remote();
  }

  static ActorHandle<AppMaster> createAppMaster(ActorRequest request) {
    return request.configure(Ray.actor(AppMaster::new)).remote();
  }

  static ActorHandle<ShuffleServiceActor> createShuffleService(ActorRequest request) {
    return request.configure(Ray.actor(ShuffleServiceActor::new)).remote();
  }

  static ObjectRef<byte[]> place(ActorHandle<ExecutorActor> executor) {
    return executor.task(ExecutorActor::place).remote();
  }

  static ObjectRef<byte[]> run(ActorHandle<ExecutorActor> executor, byte[] launch) {
    return executor.task(ExecutorActor::run, launch).remote();
  }

  static ObjectRef<byte[]> decide(ActorHandle<AppMaster> appMaster, byte[] snapshot) {
    return appMaster.task(AppMaster::decide, snapshot).remote();
  }

  static ObjectRef<byte[]> end(ActorHandle<AppMaster> appMaster) {
    return appMaster.task(AppMaster::end).remote();
  }

  static ObjectRef<byte[]> start(ActorHandle<ShuffleServiceActor> service, byte[] launch) {
    return service.task(ShuffleServiceActor::start, launch).remote();
  }

  static ObjectRef<byte[]> serviceEnd(ActorHandle<ShuffleServiceActor> service) {
    return service.task(ShuffleServiceActor::end).remote();
  }
}
