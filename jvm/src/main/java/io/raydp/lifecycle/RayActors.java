package io.raydp.lifecycle;

import io.ray.api.ActorHandle;
import io.ray.api.ObjectRef;
import io.ray.api.PlacementGroups;
import io.ray.api.Ray;
import io.ray.api.call.ActorCreator;
import io.ray.api.id.PlacementGroupId;
import io.ray.api.runtimeenv.RuntimeEnv;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Creates and calls our actors. Written in Java because Ray finds a remote method by its method reference, which Scala
 * functions are not.
 */
final class RayActors {
  /** Each kind of actor has a method that never returns, and another one that must answer meanwhile. */
  private static final int THREADS = 2;

  private RayActors() {}

  /**
   * What to request from Ray.
   *
   * @param name name of the actor, in the job's namespace
   * @param resources amounts by Ray's resource names
   * @param jvmOptions options of its JVM
   * @param runtimeEnv fields of Ray's runtime_env for its process, each as JSON
   * @param placementGroup id in hexadecimal, or empty for no placement group
   * @param bundle index in the placement group
   */
  record Request(
      String name,
      Map<String, Double> resources,
      List<String> jvmOptions,
      Map<String, String> runtimeEnv,
      String placementGroup,
      int bundle) {}

  static ActorHandle<ExecutorActor> createExecutor(Request request) {
    return configured(Ray.actor(ExecutorActor::new), request).remote();
  }

  static ActorHandle<AppMaster> createAppMaster(Request request) {
    return configured(Ray.actor(AppMaster::new), request).remote();
  }

  static ActorHandle<ShuffleServiceActor> createShuffleService(Request request) {
    return configured(Ray.actor(ShuffleServiceActor::new), request).remote();
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

  /**
   * Has a JVM that crashes write its report to Ray's logs. Its working folder is the one in which the user started Ray.
   * The user's options come later, so they win.
   */
  private static List<String> withCrashFile(List<String> jvmOptions) {
    String session = System.getProperty("raydp.ray.session-dir");
    if (session == null) return jvmOptions;
    String file = session + "/logs/hs_err_raydp_%p.log";
    return Stream.concat(Stream.of("-XX:ErrorFile=" + file), jvmOptions.stream()).toList();
  }

  private static <A> ActorCreator<A> configured(ActorCreator<A> creator, Request request) {
    creator.setName(request.name()).setResources(request.resources()).setMaxRestarts(0).setMaxConcurrency(THREADS);
    creator.setJvmOptions(withCrashFile(request.jvmOptions()));
    if (!request.runtimeEnv().isEmpty()) {
      RuntimeEnv runtimeEnv = new RuntimeEnv.Builder().build();
      request.runtimeEnv().forEach(runtimeEnv::setJsonStr);
      creator.setRuntimeEnv(runtimeEnv);
    }
    if (!request.placementGroup().isEmpty()) {
      byte[] id = HexFormat.of().parseHex(request.placementGroup());
      creator.setPlacementGroup(
          PlacementGroups.getPlacementGroup(PlacementGroupId.fromByteBuffer(ByteBuffer.wrap(id))), request.bundle());
    }
    return creator;
  }
}
